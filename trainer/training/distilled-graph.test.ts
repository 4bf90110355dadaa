import * as ort from "onnxruntime-node";
import { expect, test } from "vitest";
import { backward } from "../graph/backward.ts";
import { evaluateGraph, largestDifference, type Sample } from "../graph/evaluate-graph.testing.ts";
import type { Value } from "../graph/graph.ts";
import { formulaWeights } from "../networks/formula-weights.testing.ts";
import type { Weights } from "../networks/parameters.ts";
import {
  type DistilledObjective,
  distilledFeeds,
  distilledTrainingGraph,
  type RowWeights,
  type SoftBatch,
} from "./distilled-graph.ts";
import { slotTermFeeds } from "./slot-terms.ts";
import { studentFeeds, studentTrainingGraph } from "./student-graph.ts";
import { type IdBatch, teacherFeeds, teacherTrainingGraph } from "./teacher-graph.ts";
import type { Feeds, TrainingGraph } from "./training-step.ts";

const V = 24;
const architecture = {
  ...{ width: 8, heads: 2, feedForward: 12, encoderLayers: 1, decoderLayers: 1, vocabulary: V, maxPositions: 12 },
};
/** Wider, so that none of its weights could be taken for the student's. */
const large = { ...architecture, width: 12, feedForward: 16 };
const teacherSpecs = teacherTrainingGraph(large, { dropout: 0, labelSmoothing: 0 }).parameters.specs;
const teacher = { architecture: large, weights: formulaWeights(teacherSpecs) };

const batch: IdBatch = {
  ...{ rows: 2, S: 4, U: 4 },
  source: Int32Array.of(16, 17, 18, 2, 19, 2, 0, 0),
  sourceLengths: Int32Array.of(4, 2),
  target: Int32Array.of(20, 21, 20, 2, 22, 2, 0, 0),
  targetLengths: Int32Array.of(4, 2),
};
const ones = Float32Array.of(1, 1);
const none = Float32Array.of(0, 0);

async function valuesOf(model: TrainingGraph, feeds: Feeds, weights?: Weights): Promise<Record<string, Sample>> {
  const parameters = [...model.parameters.values];
  const found = backward(
    model.loss,
    parameters.map(([, value]) => value),
  );
  const outputs: Record<string, Value> = { loss: model.loss, ...model.metrics };
  for (const [name, value] of parameters) outputs[`d ${name}`] = found.get(value)!;
  const samples: Record<string, Sample> = {};
  for (const [name, { data, dims }] of Object.entries(feeds))
    samples[name] = { data: Array.from(data as Iterable<number | bigint>, Number), dims };
  const { specs } = model.parameters;
  const from = weights ?? formulaWeights(specs);
  for (const { name, shape } of specs) samples[name] = { data: from.get(name)!, dims: shape };
  return evaluateGraph(model.graph, outputs, samples);
}

const run = (objective: Omit<DistilledObjective, "dropout" | "labelSmoothing">, weights: RowWeights) =>
  valuesOf(
    distilledTrainingGraph(architecture, { dropout: 0, labelSmoothing: 0.1, ...objective }, teacher),
    distilledFeeds(ort, batch, weights),
  );

test("without its terms' weights, the loss and every gradient are cross entropy's", async () => {
  const plain = await valuesOf(
    teacherTrainingGraph(architecture, { dropout: 0, labelSmoothing: 0.1 }),
    teacherFeeds(ort, batch),
  );
  const found = await run(
    { wordLevel: { temperature: 2 }, mutualInformation: { entropy: 1 } },
    { pair: ones, word: none, information: none },
  );
  for (const [name, { data }] of Object.entries(plain))
    expect(largestDifference(found[name]!.data, data), name).toBeLessThan(1e-6);
  expect(found.wordLevel!.data[0]).toBe(0);
});

test("a teacher that is the student itself has nothing to teach, and its weights have no gradient", async () => {
  const model = distilledTrainingGraph(
    large,
    { dropout: 0, labelSmoothing: 0, wordLevel: { temperature: 1.5 }, mutualInformation: { entropy: 1 } },
    teacher,
  );
  expect(model.parameters.specs.map(({ name }) => name)).toEqual(teacherSpecs.map(({ name }) => name));
  const feeds = distilledFeeds(ort, batch, { pair: ones, word: ones, information: ones });
  const found = await valuesOf(model, feeds, teacher.weights);
  expect(Math.abs(found.loss!.data[0]!)).toBeLessThan(1e-5);
  expect(found.nll!.data[0]).toBeGreaterThan(1); // the targets' likelihood is still reported
  for (const [name, { data }] of Object.entries(found))
    if (name.startsWith("d ")) expect(Math.max(...Array.from(data, Math.abs)), name).toBeLessThan(1e-5);
});

test("the terms add up to the loss, each pair with its own weights", async () => {
  const objective = { wordLevel: { temperature: 2 }, mutualInformation: { entropy: 0.5 } };
  const found = await run(objective, {
    ...{ pair: Float32Array.of(1, 0.5), word: Float32Array.of(0.7, 0) },
    information: Float32Array.of(0.2, 0.2),
  });
  const value = (name: string) => Number(found[name]!.data[0]);
  expect(value("crossEntropy") + value("wordLevel") + value("mutualInformation")).toBeCloseTo(value("loss"), 5);
  const alone = await run(objective, { pair: Float32Array.of(1, 0), word: Float32Array.of(0.7, 0), information: none });
  expect(value("wordLevel")).toBeCloseTo(Number(alone.wordLevel!.data[0]), 5);
});

test("targets that the student wrote have no likelihood to raise: the teacher labels them", async () => {
  const weights = { pair: ones, own: ones, written: true };
  const whole = await run({ onPolicy: { labels: "distribution", temperature: 1.5 } }, weights);
  const word = await run({ wordLevel: { temperature: 1.5 } }, { pair: ones, word: ones });
  expect(whole.nll!.data[0]).toBe(0);
  expect(whole.loss!.data[0]).toBeCloseTo(Number(word.wordLevel!.data[0]), 5);
  const token = await run({ onPolicy: { labels: "token", temperature: 1 } }, weights);
  expect(token.loss!.data[0]).toBeGreaterThan(0);
  expect(token.crossEntropy!.data[0]).toBe(0);
});

test("what was stored of all ids but one is what the teacher says online, for both kinds of students", async () => {
  const stored = await storedButOne(); // the rest of the mass is the id that is left
  const online = await run({ wordLevel: { temperature: 2 } }, { pair: ones, word: ones });
  const read = await run({ wordLevel: { temperature: 2, stored: stored.k } }, { pair: ones, word: ones, soft: stored });
  expect(read.wordLevel!.data[0]).toBeCloseTo(Number(online.wordLevel!.data[0]), 3);

  const slots = { ...architecture, slotsPerToken: 2 };
  const made = studentFeeds(ort, batch, Int32Array.of(1, 2), 2);
  const student = async (term: { temperature: number; stored?: number }, soft?: SoftBatch) => {
    const distilled = { teacher, wordLevel: term };
    const feeds = { ...made.feeds, ...slotTermFeeds(ort, batch, made.rowWeights, { pair: ones, word: ones, soft }) };
    return valuesOf(studentTrainingGraph(slots, { dropout: 0, glancing: false, distilled }), feeds);
  };
  const asked = await student({ temperature: 1 });
  const kept = await student({ temperature: 1, stored: stored.k }, stored);
  expect(kept.wordLevel!.data[0]).toBeCloseTo(Number(asked.wordLevel!.data[0]), 3);
  expect(largestDifference(kept["d output.bias"]!.data, asked["d output.bias"]!.data)).toBeLessThan(1e-4);
});

/** The teacher's log-probabilities of every id but the first at every place of the batch's targets. */
async function storedButOne(): Promise<SoftBatch> {
  const { graph, parameters } = teacherTrainingGraph(large, { dropout: 0, labelSmoothing: 0 });
  const softmax = graph.nodes.findLast(({ op }) => op === "Softmax")!.outputs[0]!;
  const samples: Record<string, Sample> = {};
  for (const [name, { data, dims }] of Object.entries(teacherFeeds(ort, batch)))
    samples[name] = { data: Array.from(data as Iterable<number | bigint>, Number), dims };
  for (const { name, shape } of parameters.specs) samples[name] = { data: teacher.weights.get(name)!, dims: shape };
  const { probabilities } = await evaluateGraph(graph, { probabilities: softmax }, samples);
  const all = Array.from(probabilities!.data, (probability, at) => ({ id: at % V, probability }));
  const kept = all.filter(({ id }) => id > 0);
  return {
    k: V - 1,
    ids: Int32Array.from(kept, ({ id }) => id),
    logProbabilities: Float32Array.from(kept, ({ probability }) => Math.log(probability)),
  };
}
