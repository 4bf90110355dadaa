import * as ort from "onnxruntime-node";
import { describe, expect, test } from "vitest";
import { FULL_WAIT } from "../../models/wait.ts";
import { backward } from "../graph/backward.ts";
import { evaluateGraph, largestDifference, type Sample } from "../graph/evaluate-graph.testing.ts";
import type { Value } from "../graph/graph.ts";
import { formulaWeights } from "../networks/formula-weights.testing.ts";
import { Random } from "../random.ts";
import { distilledFeeds, distilledTrainingGraph } from "./distilled-graph.ts";
import { drawLags, lagFeeds } from "./lags.ts";
import { type IdBatch, teacherFeeds, teacherTrainingGraph } from "./teacher-graph.ts";
import type { Feeds, TrainingGraph } from "./training-step.ts";

const architecture = {
  ...{ width: 8, heads: 2, feedForward: 12, encoderLayers: 2, decoderLayers: 2, vocabulary: 32, maxPositions: 12 },
};
const objective = { dropout: 0, labelSmoothing: 0.1 };
const streaming = { ...objective, streaming: true };

const source = [16, 17, 18, 19, 20, 2];
const batch: IdBatch = {
  ...{ rows: 1, S: source.length, U: 5 },
  source: Int32Array.from(source),
  sourceLengths: Int32Array.of(source.length),
  target: Int32Array.of(24, 25, 26, 27, 2),
  targetLengths: Int32Array.of(5),
};

/** Loss and every gradient. */
async function lessonOf(model: TrainingGraph, feeds: Feeds): Promise<Record<string, Sample>> {
  const parameters = [...model.parameters.values];
  const found = backward(
    model.loss,
    parameters.map(([, value]) => value),
  );
  const outputs: Record<string, Value> = { loss: model.loss };
  for (const [name, value] of parameters) outputs[`d ${name}`] = found.get(value)!;
  const samples: Record<string, Sample> = {};
  for (const [name, { data, dims }] of Object.entries(feeds))
    samples[name] = { data: Array.from(data as Iterable<number | bigint>, Number), dims };
  const { specs } = model.parameters;
  const weights = formulaWeights(specs);
  for (const { name, shape } of specs) samples[name] = { data: weights.get(name)!, dims: shape };
  return evaluateGraph(model.graph, outputs, samples);
}

/** The lesson of the target token at one position alone. */
function lessonAt(position: number, wait: number, ids: readonly number[]) {
  const feeds = { ...teacherFeeds(ort, { ...batch, source: Int32Array.from(ids) }) };
  const only = Float32Array.from({ length: batch.U }, (_, place) => Number(place === position));
  return lessonOf(teacherTrainingGraph(architecture, streaming), {
    ...feeds,
    ...{ label_weights: new ort.Tensor("float32", only, [1, batch.U]) },
    ...lagFeeds(ort, Int32Array.of(wait)),
  });
}

const furthest = (a: Record<string, Sample>, b: Record<string, Sample>): number =>
  Math.max(...Object.keys(a).map((name) => largestDifference(a[name]!.data, b[name]!.data)));

describe("a target token of a wait-k student", () => {
  test.each([1, 2, 3])("at wait %i learns from the source it has read, and from nothing else", async (wait) => {
    for (const position of [0, 1, 3]) {
      const before = await lessonAt(position, wait, source);
      for (const changed of [0, 1, 2, 3, 4]) {
        const other = source.map((id, place) => (place === changed ? 21 : id));
        const difference = furthest(before, await lessonAt(position, wait, other));
        const read = changed < position + wait;
        const where = `token ${position}, source ${changed}`;
        if (read) expect(difference, where).toBeGreaterThan(1e-4);
        else expect(difference, where).toBe(0);
      }
    }
  });

  test("that waits for the whole sentence learns from its end, but its encoder looks back only", async () => {
    const other = source.map((id, place) => (place === 4 ? 21 : id));
    const [here, there] = [await lessonAt(0, FULL_WAIT, source), await lessonAt(0, FULL_WAIT, other)];
    expect(furthest(here, there)).toBeGreaterThan(1e-4);
    const teacher = await lessonOf(teacherTrainingGraph(architecture, objective), teacherFeeds(ort, batch));
    const lags = lagFeeds(ort, Int32Array.of(FULL_WAIT));
    const feeds = { ...teacherFeeds(ort, batch), ...lags };
    const student = await lessonOf(teacherTrainingGraph(architecture, streaming), feeds);
    expect(Object.keys(student), "the teacher's parameters, all of them").toEqual(Object.keys(teacher));
    expect(furthest(student, teacher)).toBeGreaterThan(1e-4);
  });
});

test("a teacher in the step sees whole sentences while the student waits", async () => {
  const { specs } = teacherTrainingGraph(architecture, objective).parameters;
  const teacher = { architecture, weights: formulaWeights(specs) };
  const graph = () => distilledTrainingGraph(architecture, { ...streaming, wordLevel: { temperature: 1 } }, teacher);
  const one = Float32Array.of(1);
  const lessonAtLag = (wait: number) => {
    const feeds = distilledFeeds(ort, batch, { pair: one, word: one });
    return lessonOf(graph(), { ...feeds, ...lagFeeds(ort, Int32Array.of(wait)) });
  };
  const [shortest, full] = [await lessonAtLag(1), await lessonAtLag(FULL_WAIT)];
  // The same weights, yet another distribution: the student does not see what its teacher sees.
  expect(shortest.loss!.data[0]).toBeGreaterThan(1e-4);
  expect(Math.abs(shortest.loss!.data[0]! - full.loss!.data[0]!)).toBeGreaterThan(1e-5);
});

test("lags are drawn for each row, in the shares that are asked for, from the seed alone", () => {
  const draw = () => drawLags({ maximum: 4, full: 0.25 }, 8000, new Random(7, "lags"));
  const lags = Array.from(draw());
  expect(Array.from(draw())).toEqual(lags);
  const share = (lag: number) => lags.filter((one) => one === lag).length / lags.length;
  expect(share(FULL_WAIT)).toBeCloseTo(0.25, 1);
  for (const lag of [1, 2, 3, 4]) expect(share(lag)).toBeCloseTo(0.75 / 4, 1);
  expect(new Set(lags)).toEqual(new Set([1, 2, 3, 4, FULL_WAIT]));
  expect(Array.from(drawLags({ maximum: 1, full: 0 }, 3, new Random(7)))).toEqual([1, 1, 1]);
});
