import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { choicesFrom, chosenRow, normalisedWeights, readChoices, sentenceCount, writeChoices } from "./choices.ts";
import { planEpoch } from "./epoch-plan.ts";
import { SequencesBuilder } from "./shard.ts";

const weights = [[1], [0.5, 0.25, 0.25], [0.75, 0.25]];
let dir = "";
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "souffleur-choices-"));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

test("weights are a softmax", () => {
  const [a, b] = normalisedWeights([-1000, -1001]);
  expect(a! + b!).toBeCloseTo(1, 12);
  expect(a! / b!).toBeCloseTo(Math.E, 12);
  expect(normalisedWeights([-3])).toEqual([1]);
});

test("a row is chosen by where a number falls among the weights", () => {
  const choices = choicesFrom(weights);
  expect(sentenceCount(choices)).toBe(3);
  expect(chosenRow(choices, 0, 0.999)).toBe(0);
  expect([0, 0.49, 0.5, 0.74, 0.75, 0.9999].map((uniform) => chosenRow(choices, 1, uniform))).toEqual([
    1, 1, 2, 2, 3, 3,
  ]);
  expect([0.74, 0.76].map((uniform) => chosenRow(choices, 2, uniform))).toEqual([4, 5]);
});

test("an epoch takes one row of each sentence, over many epochs as often as its weight says", () => {
  const [source, target] = [new SequencesBuilder(), new SequencesBuilder()];
  for (let row = 0; row < 6; row += 1) {
    source.add([20]);
    target.add([20 + row]);
  }
  const part = { shard: { name: "a", source: source.build(), target: target.build() }, weight: 1, join: 0 };
  const epochs = 600;
  const seen = new Array<number>(6).fill(0);
  for (let epoch = 0; epoch < epochs; epoch += 1) {
    const rows = [
      ...planEpoch([{ ...part, choices: choicesFrom(weights) }], { seed: 1, maximumTokens: 9 }, epoch).rows,
    ];
    const sentences = rows.map((row) => [0, 1, 1, 1, 2, 2][row]).sort();
    expect(sentences).toEqual([0, 1, 2]);
    for (const row of rows) seen[row]! += 1;
  }
  // Four standard deviations of a share of 600 draws are at most 0.082.
  for (const [row, weight] of weights.flat().entries())
    expect(Math.abs(seen[row]! / epochs - weight)).toBeLessThan(0.082);
});

test("are written beside a shard, and refused beside another", async () => {
  const path = join(dir, "toy");
  await writeChoices(path, weights, "abc");
  const read = await readChoices(path, { sha256: "abc", pairs: 6 });
  expect(read).toEqual(choicesFrom(weights));
  await expect(readChoices(path, { sha256: "abd", pairs: 6 })).rejects.toThrow("belongs to another shard");
  await expect(readChoices(path, { sha256: "abc", pairs: 5 })).rejects.toThrow("belongs to another shard");
  const file = `${path}.choices.json`;
  writeFileSync(file, readFileSync(file, "utf8").slice(0, -5));
  await expect(readChoices(path, { sha256: "abc", pairs: 6 })).rejects.toThrow(`${file} cannot be read`);
  writeFileSync(file, "{}");
  await expect(readChoices(path, { sha256: "abc", pairs: 6 })).rejects.toThrow(file);
});
