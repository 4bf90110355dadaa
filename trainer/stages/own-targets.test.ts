import * as ort from "onnxruntime-node";
import { expect, test } from "vitest";
import type { Batch } from "../corpus/batches.ts";
import { BeamSearch } from "../decoding/beam-search.ts";
import { formulaWeights } from "../networks/formula-weights.testing.ts";
import { objectiveSchema } from "../objective.ts";
import { teacherTrainingGraph } from "../training/teacher-graph.ts";
import type { Feeds } from "../training/training-step.ts";
import { OwnTargets, withTargets } from "./own-targets.ts";

const architecture = {
  ...{ width: 8, heads: 2, feedForward: 12, encoderLayers: 1, decoderLayers: 1, vocabulary: 20, maxPositions: 24 },
};
const { specs } = teacherTrainingGraph(architecture, { dropout: 0, labelSmoothing: 0 }).parameters;
const weights = formulaWeights(specs);
const parameters: Feeds = Object.fromEntries(
  specs.map(({ name, shape }) => [name, new ort.Tensor("float32", weights.get(name)!, shape)]),
);
const batch: Batch = {
  ...{ rows: 2, S: 4, U: 3, epoch: 0, index: 0, examples: [] },
  source: Int32Array.of(16, 17, 18, 2, 19, 2, 0, 0),
  sourceLengths: Int32Array.of(4, 2),
  target: Int32Array.of(16, 17, 2, 18, 2, 0),
  targetLengths: Int32Array.of(3, 2),
};
const settings = (changes: object) => objectiveSchema.parse({ onPolicy: { rate: 0.3, ...changes } }).onPolicy;

test("a batch gets other targets, each with its end, and none longer than its longest side", () => {
  const made = withTargets(batch, [[19, 18, 17, 16, 19], []]);
  expect(made.U).toBe(4);
  expect(Array.from(made.target)).toEqual([19, 18, 17, 2, 2, 0, 0, 0]);
  expect(Array.from(made.targetLengths)).toEqual([4, 1]);
  expect(made.source).toBe(batch.source);
});

test("the share of steps is the rate's, none comes before its time, and the seed decides which", async () => {
  const own = await OwnTargets.create(architecture, settings({ fromStep: 100 }), { seed: 1, threads: 1 });
  const other = await OwnTargets.create(architecture, settings({ fromStep: 100 }), { seed: 2, threads: 1 });
  const steps = Array.from({ length: 2100 }, (_, step) => step + 1);
  const due = steps.filter((step) => own.isDue(step, step));
  expect(Math.min(...due)).toBeGreaterThan(100);
  expect(Math.abs(due.length / 2000 - 0.3)).toBeLessThan(0.04); // four standard deviations
  expect(steps.filter((step) => own.isDue(step, step))).toEqual(due);
  expect(steps.filter((step) => other.isDue(step, step))).not.toEqual(due);
  // with several batches an update each is drawn for itself
  expect(steps.filter((step) => own.isDue(step, 2 * step)).length).not.toBe(due.length);
  await Promise.all([own.dispose(), other.dispose()]);
});

test("greedily, the student writes what a search with its present weights finds", async () => {
  const own = await OwnTargets.create(architecture, settings({ decoding: "greedy" }), { seed: 1, threads: 1 });
  const search = await BeamSearch.create(ort, architecture, weights, { beam: 1, lengthPenalty: 0, maxLengthRatio: 1 });
  const found = await search.search([[16, 17, 18], [19]]);
  const expected = withTargets(
    batch,
    found.map(([best]) => best!.ids),
  );
  expect((await own.write(batch, 5, parameters)).target).toEqual(expected.target);
  const bias = weights.get("output.bias")!.slice();
  bias[17] = 50;
  const changed = { ...parameters, "output.bias": new ort.Tensor("float32", bias, [bias.length]) };
  expect(Array.from((await own.write(batch, 5, changed)).target)).toEqual([17, 17, 17, 2, 17, 17, 17, 2]);
  await Promise.all([own.dispose(), search.dispose()]);
});

test("samples are functions of seed, step and row", async () => {
  const own = await OwnTargets.create(architecture, settings({ temperature: 2 }), { seed: 1, threads: 1 });
  const written = async (step: number) => Array.from((await own.write(batch, step, parameters)).target);
  expect(await written(7)).toEqual(await written(7));
  const all = await Promise.all([1, 2, 3, 4, 5].map(async (step) => (await written(step)).join()));
  expect(new Set(all).size).toBeGreaterThan(1);
  await own.dispose();
});
