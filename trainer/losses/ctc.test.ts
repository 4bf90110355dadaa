import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { backward } from "../graph/backward.ts";
import {
  centralDifferences,
  largestDifference,
  type OpenGraph,
  openGraph,
  type Sample,
  variable,
} from "../graph/evaluate-graph.testing.ts";
import { Graph } from "../graph/graph.ts";
import * as op from "../graph/ops.ts";
import { Random } from "../random.ts";
import { bruteForceCtc, logSoftmaxRows } from "./brute-force-ctc.testing.ts";
import { ctcLoss } from "./ctc.ts";
import { ctcLabels } from "./ctc-labels.ts";
import reference from "./fixtures/ctc-torch.json" with { type: "json" };

// B rows, T slots, U labels, V vocabulary.

const V = 4;
const BLANK = 1;

interface Case {
  readonly labels: readonly (readonly number[])[];
  readonly slots: readonly number[];
  readonly weights?: readonly number[];
}

/** Loss, each row's loss, and the gradient of the logits, multiplied by 0.5 so that a forgotten dy shows. */
async function openCtc(vocabulary: number, blank: number): Promise<OpenGraph> {
  const graph = new Graph();
  const logits = variable(graph, "logits", ["B*T", vocabulary]);
  const { loss, perRow } = ctcLoss({
    logits,
    states: graph.input("states", "int64", ["B", "L"]),
    skips: graph.input("skips", "float32", ["B", "L"]),
    lastStates: graph.input("last_states", "int64", ["B", 1]),
    slotLengths: graph.input("slot_lengths", "int64", ["B"]),
    weights: graph.input("weights", "float32", ["B"]),
    sizes: graph.input("sizes", "int64", [2]),
    blank,
  });
  const gradient = backward(op.mul(loss, 0.5), [logits]).get(logits)!;
  return openGraph(graph, { loss, perRow, gradient });
}

/** The graph's inputs; ids behind a row's labels are those of padding, and logits behind its slots are arbitrary. */
function samplesOf({ labels, slots, weights }: Case, logits: ArrayLike<number>, vocabulary = V, blank = BLANK) {
  const B = labels.length;
  const T = Math.max(...slots);
  const U = Math.max(...labels.map((row) => row.length));
  const target = new Int32Array(B * U);
  labels.forEach((row, place) => {
    target.set(row, place * U);
  });
  const lengths = Int32Array.from(labels, (row) => row.length);
  const made = ctcLabels(target, lengths, Int32Array.from(slots), B, U, blank);
  const numbers = (list: BigInt64Array) => Array.from(list, Number);
  const samples: Record<string, Sample> = {
    logits: { data: logits, dims: [B * T, vocabulary] },
    states: { data: numbers(made.states), dims: [B, made.stateCount] },
    skips: { data: made.skips, dims: [B, made.stateCount] },
    last_states: { data: numbers(made.lastStates), dims: [B, 1] },
    slot_lengths: { data: slots, dims: [B] },
    weights: { data: weights ?? labels.map(() => 1), dims: [B] },
    sizes: { data: [B, T], dims: [2] },
  };
  return { samples, feasible: made.feasible, T };
}

function randomLogits(count: number, scale: number, ...keys: (string | number)[]): Float32Array {
  const random = new Random("ctc", ...keys);
  return Float32Array.from({ length: count }, () => random.normal() * scale);
}

let ctc: OpenGraph;
beforeAll(async () => {
  ctc = await openCtc(V, BLANK);
});
afterAll(() => ctc.release());

/** The same from every path: −log p per row, and weight · (softmax − posterior) per logit. */
function expected({ labels, slots, weights }: Case, logits: ArrayLike<number>, T: number) {
  const rows = logSoftmaxRows(logits, V);
  const perRow: number[] = [];
  const gradient = new Float64Array(rows.length * V);
  labels.forEach((row, place) => {
    const own = rows.slice(place * T, place * T + slots[place]!);
    const { logLikelihood, posterior } = bruteForceCtc(own, row, BLANK);
    perRow.push(-logLikelihood);
    const weight = weights?.[place] ?? 1;
    if (weight === 0) return;
    own.forEach((slot, t) => {
      slot.forEach((logProbability, id) => {
        gradient[(place * T + t) * V + id] = weight * (Math.exp(logProbability) - posterior[t]![id]!);
      });
    });
  });
  return { perRow, gradient };
}

describe("loss and gradient equal those of every path listed", () => {
  const cases: Record<string, Case> = {
    "one label, one slot": { labels: [[2]], slots: [1] },
    "one label, many slots": { labels: [[3]], slots: [6] },
    "labels that fill every slot": { labels: [[2, 3, 2]], slots: [3] },
    "two equal labels with just the slot for the blank between": { labels: [[2, 2]], slots: [3] },
    "runs of equal labels": { labels: [[2, 2, 3, 3]], slots: [6] },
    "no label: blanks only": { labels: [[]], slots: [4] },
    "an id below the blank": { labels: [[0, 2, 0]], slots: [5] },
    "rows of different lengths and slots": { labels: [[2], [3, 3], [0, 2, 3], []], slots: [2, 5, 6, 3] },
    "rows with one slot beside a long one": { labels: [[2], [2, 3, 2, 3], []], slots: [1, 6, 1] },
    "weights other than one": { labels: [[2, 3], [3]], slots: [4, 3], weights: [0.25, 2] },
    "a row left out by weight 0": { labels: [[2], [3, 2]], slots: [3, 3], weights: [1, 0] },
  };
  test.each(Object.entries(cases))("%s", async (name, each) => {
    const T = Math.max(...each.slots);
    for (const scale of [0.5, 4]) {
      const logits = randomLogits(each.labels.length * T * V, scale, name);
      const { samples } = samplesOf(each, logits);
      const found = await ctc.run(samples);
      const { perRow, gradient } = expected(each, logits, T);
      expect(largestDifference(found.perRow!.data, perRow)).toBeLessThan(2e-5);
      const total = perRow.reduce((sum, value, row) => sum + value * (each.weights?.[row] ?? 1), 0);
      expect(found.loss!.data[0]).toBeCloseTo(total, 4);
      expect(
        largestDifference(
          found.gradient!.data,
          gradient.map((value) => value / 2),
        ),
      ).toBeLessThan(2e-6);
    }
  });
});

test("the gradient equals central differences", async () => {
  const each: Case = { labels: [[2, 2], [3], [0, 3, 2]], slots: [4, 2, 3], weights: [1, 0.5, 2] };
  const { samples } = samplesOf(each, randomLogits(3 * 4 * V, 1, "differences"));
  const { gradient } = await ctc.run(samples);
  const numeric = await centralDifferences(ctc, samples, "logits", "loss");
  expect(
    largestDifference(
      gradient!.data,
      numeric.map((value) => value / 2),
    ),
  ).toBeLessThan(1e-3);
});

describe("a row whose slots do not suffice", () => {
  const each: Case = {
    labels: [
      [2, 2, 2],
      [2, 3],
      [3, 2],
    ],
    slots: [4, 1, 4],
    weights: [0, 0, 1],
  };

  test("is marked infeasible, adds nothing and has no gradient when its weight is 0", async () => {
    const logits = randomLogits(3 * 4 * V, 1, "infeasible");
    const { samples, feasible, T } = samplesOf(each, logits);
    expect([...feasible]).toEqual([0, 0, 1]);
    const found = await ctc.run(samples);
    const alone = expected(each, logits, T);
    expect(found.loss!.data[0]).toBeCloseTo(alone.perRow[2]!, 4);
    expect(
      largestDifference(
        found.gradient!.data,
        alone.gradient.map((value) => value / 2),
      ),
    ).toBeLessThan(2e-6);
    expect(alone.perRow.slice(0, 2)).toEqual([Infinity, Infinity]);
    for (const value of [found.perRow!.data[0]!, found.perRow!.data[1]!]) expect(value).toBeGreaterThan(1e29);
  });

  test("leaves the loss finite over a whole batch of long rows", async () => {
    const slots = [60, 60];
    const long = { labels: [Array.from({ length: 61 }, () => 2), [3]], slots, weights: [0, 1] };
    const found = await ctc.run(samplesOf(long, randomLogits(2 * 60 * V, 3, "long")).samples);
    expect(Number.isFinite(found.loss!.data[0])).toBe(true);
    expect(Array.from(found.gradient!.data).every(Number.isFinite)).toBe(true);
  });
});

test("logits behind a row's slots change nothing", async () => {
  const each: Case = {
    labels: [
      [2, 3],
      [3, 2, 0],
    ],
    slots: [3, 5],
  };
  const logits = randomLogits(2 * 5 * V, 1, "padding");
  const before = await ctc.run(samplesOf(each, logits).samples);
  logits.fill(37, 3 * V, 5 * V);
  logits[4 * V + BLANK] = -50;
  const after = await ctc.run(samplesOf(each, logits).samples);
  expect(after).toEqual(before);
  expect(Array.from(after.gradient!.data).slice(3 * V, 5 * V)).toEqual(Array.from({ length: 2 * V }, () => 0));
});

test("a batch gives each row what the row gets alone", async () => {
  const each: Case = { labels: [[2, 3], [3, 3, 0], [0]], slots: [3, 5, 2] };
  const T = 5;
  const logits = randomLogits(3 * T * V, 2, "rows");
  const together = await ctc.run(samplesOf(each, logits).samples);
  for (let row = 0; row < 3; row += 1) {
    const slots = each.slots[row]!;
    const own = logits.slice(row * T * V, (row * T + slots) * V);
    const alone = await ctc.run(samplesOf({ labels: [each.labels[row]!], slots: [slots] }, own).samples);
    expect(alone.perRow!.data[0]).toBeCloseTo(together.perRow!.data[row]!, 5);
    const part = Array.from(together.gradient!.data).slice(row * T * V, (row * T + slots) * V);
    expect(largestDifference(alone.gradient!.data, part)).toBeLessThan(1e-6);
  }
});

test("a slot sure of a wrong id costs much and keeps its gradient", async () => {
  const logits = new Float32Array(3 * V);
  logits[V + 3] = 200; // the other ids have probability 0 in float32
  const { perRow, gradient } = await ctc.run(samplesOf({ labels: [[2]], slots: [3] }, logits).samples);
  expect(perRow!.data[0]).toBeGreaterThan(80);
  expect(Number.isFinite(perRow!.data[0])).toBe(true);
  expect(gradient!.data[V + 3]).toBeCloseTo(0.5, 5);
});

test("loss and gradient equal torch.nn.functional.ctc_loss (scripts/reference/ctc_torch.py)", async () => {
  const { vocabulary, blank, labels, slots, weights, logits, perRow, gradient } = reference;
  const open = await openCtc(vocabulary, blank);
  const { samples } = samplesOf({ labels, slots, weights }, logits, vocabulary, blank);
  const found = await open.run(samples);
  await open.release();
  expect(largestDifference(found.perRow!.data, perRow)).toBeLessThan(5e-5);
  expect(
    largestDifference(
      found.gradient!.data,
      gradient.map((value) => value / 2),
    ),
  ).toBeLessThan(2e-6);
});
