import { describe, expect, test } from "vitest";
import { backward } from "../graph/backward.ts";
import {
  centralDifferences,
  evaluateGraph,
  largestDifference,
  openGraph,
  type Sample,
  variable,
} from "../graph/evaluate-graph.testing.ts";
import { Graph, type Value } from "../graph/graph.ts";
import * as op from "../graph/ops.ts";
import reference from "./fixtures/place-distillation-torch.json" with { type: "json" };
import { mutualInformation } from "./mutual-information.ts";
import { completedLogits, type PlaceLoss, sparseWordLevel, wordLevel } from "./word-level.ts";

const { vocabulary, stored } = reference;
const N = reference.weights.length;

/** Half the loss, so that the gradient from above is not 1. */
function halved(graph: Graph, logits: Value, { loss, perPlace }: PlaceLoss) {
  const scaled = op.mul(loss, 0.5);
  return { graph, outputs: { loss, perPlace, scaled, gradient: backward(scaled, [logits]).get(logits)! } };
}

function dense(make: (logits: Value, teacher: Value, weights: Value) => PlaceLoss, V = vocabulary) {
  const graph = new Graph();
  const logits = variable(graph, "logits", ["N", V]);
  const teacher = graph.input("teacher", "float32", ["N", V]);
  return halved(graph, logits, make(logits, teacher, graph.input("weights", "float32", ["N"])));
}

function sparse(temperature: number, V = vocabulary, k = stored.count) {
  const graph = new Graph();
  const logits = variable(graph, "logits", ["N", V]);
  const ids = graph.input("ids", "int64", ["N", k]);
  const logProbabilities = graph.input("log_probabilities", "float32", ["N", k]);
  const weights = graph.input("weights", "float32", ["N"]);
  return halved(graph, logits, sparseWordLevel(logits, ids, logProbabilities, weights, temperature));
}

const shared = {
  logits: { data: reference.student, dims: [N, vocabulary] },
  weights: { data: reference.weights, dims: [N] },
};
const denseSamples = { ...shared, teacher: { data: reference.teacher, dims: [N, vocabulary] } };
const sparseSamples = {
  ...shared,
  ids: { data: stored.ids, dims: [N, stored.count] },
  log_probabilities: { data: stored.logProbabilities, dims: [N, stored.count] },
};

type Built = ReturnType<typeof halved>;
interface Expected {
  readonly loss: number;
  readonly gradient: readonly number[];
}
const CASES: [string, Built, Record<string, Sample>, Expected][] = [
  ...reference.wordLevel.map((each): [string, Built, Record<string, Sample>, Expected] => [
    `word level at T ${each.temperature}`,
    dense((logits, teacher, weights) => wordLevel(logits, teacher, weights, each.temperature)),
    denseSamples,
    each,
  ]),
  ...reference.sparse.map((each): [string, Built, Record<string, Sample>, Expected] => [
    `stored ids at T ${each.temperature}`,
    sparse(each.temperature),
    sparseSamples,
    each,
  ]),
  ...reference.mutualInformation.map((each): [string, Built, Record<string, Sample>, Expected] => [
    `mutual information, entropy ${each.entropy}`,
    dense((logits, teacher, weights) => mutualInformation(logits, teacher, weights, each.entropy)),
    denseSamples,
    each,
  ]),
];

describe.each(CASES)("%s", (_, { graph, outputs }, samples, expected) => {
  test("has torch's value and gradient (scripts/reference/distillation_torch.py)", async () => {
    const found = await evaluateGraph(graph, outputs, samples);
    expect(found.loss!.data[0]).toBeCloseTo(expected.loss, 4);
    const half = expected.gradient.map((value) => value / 2);
    expect(largestDifference(found.gradient!.data, half)).toBeLessThan(2e-6);
  });

  test("has the gradient of its value, by central differences", async () => {
    const open = await openGraph(graph, outputs);
    const { gradient } = await open.run(samples);
    const numeric = await centralDifferences(open, samples, "logits", "scaled");
    await open.release();
    expect(largestDifference(gradient!.data, numeric)).toBeLessThan(4e-4);
  });
});

test("a student that says what its teacher says costs nothing and is left as it is", async () => {
  for (const temperature of [1, 3]) {
    const { graph, outputs } = dense((logits, teacher, weights) => wordLevel(logits, teacher, weights, temperature));
    const same = { ...denseSamples, teacher: denseSamples.logits };
    const found = await evaluateGraph(graph, outputs, same);
    expect(Math.max(...Array.from(found.perPlace!.data, Math.abs))).toBeLessThan(1e-5);
    expect(Math.max(...Array.from(found.gradient!.data, Math.abs))).toBeLessThan(1e-6);
  }
});

test("with all but one id stored, the rest is that id: the divergence in full", async () => {
  // three ids, two of them stored: the third is what is left
  const logits = [0.3, -1, 2];
  const teacher = [Math.log(0.5), Math.log(0.2), Math.log(0.3)];
  const full = dense((a, b, weights) => wordLevel(a, b, weights, 2), 3);
  const some = sparse(2, 3, 2);
  const common = { logits: { data: logits, dims: [1, 3] }, weights: { data: [1], dims: [1] } };
  const all = await evaluateGraph(full.graph, full.outputs, { ...common, teacher: { data: teacher, dims: [1, 3] } });
  const found = await evaluateGraph(some.graph, some.outputs, {
    ...common,
    ids: { data: [0, 2], dims: [1, 2] },
    log_probabilities: { data: [teacher[0]!, teacher[2]!], dims: [1, 2] },
  });
  expect(found.loss!.data[0]).toBeCloseTo(all.loss!.data[0]!, 5);
  expect(largestDifference(found.gradient!.data, all.gradient!.data)).toBeLessThan(1e-5);
});

test("what is stored is completed to a distribution: the ids as they are, the rest spread evenly", async () => {
  const graph = new Graph();
  const ids = graph.input("ids", "int64", ["N", 2]);
  const logProbabilities = graph.input("log_probabilities", "float32", ["N", 2]);
  const completed = op.softmax(completedLogits({ ids, logProbabilities }, 5));
  const found = await evaluateGraph(
    graph,
    { completed },
    {
      ids: { data: [4, 1, 0, 2], dims: [2, 2] },
      log_probabilities: { data: [0.6, 0.1, 0.5, 0.5].map(Math.log), dims: [2, 2] },
    },
  );
  expect(largestDifference(found.completed!.data, [0.1, 0.1, 0.1, 0.1, 0.6, 0.5, 0, 0.5, 0, 0])).toBeLessThan(1e-6);
});

test("sure teachers and sure students give numbers", async () => {
  const sure = { data: [200, 0, -200, 0, 0, 0, 0, 0, 0], dims: [1, 9] };
  const other = { data: [-200, 0, 200, 0, 0, 0, 0, 0, 0], dims: [1, 9] };
  const one = { data: [1], dims: [1] };
  for (const make of [
    dense((logits, teacher, weights) => wordLevel(logits, teacher, weights, 1)),
    dense((logits, teacher, weights) => mutualInformation(logits, teacher, weights, 1)),
  ]) {
    const found = await evaluateGraph(make.graph, make.outputs, { logits: sure, teacher: other, weights: one });
    expect(found.loss!.data[0]).toBeCloseTo(400, 3);
    expect(Array.from(found.gradient!.data).every(Number.isFinite)).toBe(true);
  }
  const { graph, outputs } = sparse(1);
  const found = await evaluateGraph(graph, outputs, {
    ...{ logits: sure, weights: one, ids: { data: [2, 1, 0], dims: [1, 3] } },
    log_probabilities: { data: [0, -200, -400], dims: [1, 3] },
  });
  expect(found.loss!.data[0]).toBeGreaterThan(80);
  expect(Array.from(found.gradient!.data).every(Number.isFinite)).toBe(true);
});
