import { expect, test } from "vitest";
import { planEpoch, type TrainPart } from "./epoch-plan.ts";
import { SequencesBuilder } from "./shard.ts";

function part(name: string, lengths: [source: number, target: number][], weight: number, join: number): TrainPart {
  const source = new SequencesBuilder();
  const target = new SequencesBuilder();
  for (const [index, [sourceLength, targetLength]] of lengths.entries()) {
    source.add(new Array(sourceLength).fill(20 + index));
    target.add(Array.from({ length: targetLength }, (_, at) => 20 + at));
  }
  return { shard: { name, source: source.build(), target: target.build() }, weight, join };
}

const even = (count: number): [number, number][] => Array.from({ length: count }, () => [5, 6]);
const options = { seed: 7, maximumTokens: 96 };

test("whole weights go over every row that often, in another order each epoch", () => {
  const parts = [part("a", even(50), 2, 0)];
  const rows = planEpoch(parts, options, 0).rows;
  const seen = new Array(50).fill(0);
  for (const row of rows) seen[row] += 1;
  expect(seen).toEqual(new Array(50).fill(2));
  expect(planEpoch(parts, options, 0).rows).toEqual(rows);
  expect(planEpoch(parts, options, 1).rows).not.toEqual(rows);
  expect(planEpoch(parts, { ...options, seed: 8 }, 0).rows).not.toEqual(rows);
});

test("ten epochs at weight 0.1 see every row once, a tenth each", () => {
  const parts = [part("a", even(100), 0.1, 0)];
  const epochs = Array.from({ length: 10 }, (_, epoch) => [...planEpoch(parts, options, epoch).rows]);
  expect(epochs.map((rows) => rows.length)).toEqual(new Array(10).fill(10));
  expect(new Set(epochs.flat()).size).toBe(100);
});

test("a prefix counts in the length limit and gives its slots to the target", () => {
  const untagged = part(
    "a",
    [
      [10, 6],
      [11, 6],
      [4, 12],
    ],
    1,
    0,
  );
  const tight = { ...options, maximumTokens: 13, slotsPerToken: 2 };
  expect(planEpoch([untagged], tight, 0)).toMatchObject({ tooLong: 0, infeasible: 1 });
  const tagged = planEpoch([{ ...untagged, prefix: [13, 5] }], tight, 0);
  expect(tagged).toMatchObject({ tooLong: 1, infeasible: 0 });
  expect([...tagged.sourceLengths].sort((a, b) => a - b)).toEqual([7, 13]);
});

test("a fraction that does not divide the rows goes on in the next shuffled pass", () => {
  const parts = [part("a", even(10), 0.7, 0)];
  const rows = Array.from({ length: 10 }, (_, epoch) => [...planEpoch(parts, options, epoch).rows]);
  expect(rows.flat()).toHaveLength(70);
  for (let row = 0; row < 10; row += 1) expect(rows.flat().filter((other) => other === row)).toHaveLength(7);
});

test("the stated share of sentences is joined, in twos and threes, none lost and none across corpora", () => {
  const parts = [part("a", even(20_000), 1, 0.4), part("b", even(3000), 1, 0)];
  const plan = planEpoch(parts, options, 3);
  const sizes = Array.from(plan.parts, (_, index) => plan.starts[index + 1] - plan.starts[index]);
  expect(new Set(sizes)).toEqual(new Set([1, 2, 3]));
  const inGroups = sizes.filter((size) => size > 1).reduce((sum, size) => sum + size, 0);
  expect(inGroups / 20_000).toBeCloseTo(0.4, 1);
  expect(plan.joined).toBe(sizes.filter((size) => size > 1).length);
  expect(plan.rows).toHaveLength(23_000);
  for (const [index, size] of sizes.entries()) {
    if (plan.parts[index] === 1) expect(size).toBe(1);
    expect([plan.sourceLengths[index], plan.targetLengths[index]]).toEqual([5 * size + 1, 6 * size + 1]);
  }
});

test("joining all of a corpus leaves single sentences only where nothing is left to join", () => {
  const plan = planEpoch([part("a", even(1000), 1, 1)], options, 0);
  expect(plan.parts.length - plan.joined).toBeLessThanOrEqual(1);
});

test("too long sentences are counted and left out; joins that would be too long are not made", () => {
  const lengths: [number, number][] = [...even(100), [20, 3], [3, 20], [19, 19]];
  const plan = planEpoch([part("a", lengths, 1, 1)], { seed: 1, maximumTokens: 20 }, 0);
  expect(plan.tooLong).toBe(2);
  expect(plan.rows).toHaveLength(101);
  expect(Math.max(...plan.sourceLengths, ...plan.targetLengths)).toBeLessThanOrEqual(20);
});

test("pairs without a CTC path are counted and left out", () => {
  const parts = [
    part(
      "a",
      [
        [2, 6],
        [2, 7],
        [9, 9],
      ],
      1,
      0,
    ),
  ]; // 2 tokens and EOS have 6 slots
  parts[0].shard.target.tokens.subarray(0, 1)[0] = 21; // 21 21 22 23 24 25: a blank is needed, 7 slots
  const plan = planEpoch(parts, { ...options, slotsPerToken: 2 }, 0);
  expect([plan.infeasible, [...plan.rows]]).toEqual([2, [2]]);
  expect(planEpoch(parts, { ...options, slotsPerToken: 3 }, 0).infeasible).toBe(0);
});
