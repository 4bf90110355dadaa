import { expect, test } from "vitest";
import { backward } from "../graph/backward.ts";
import {
  centralDifferences,
  evaluateGraph,
  largestDifference,
  openGraph,
  variable,
} from "../graph/evaluate-graph.testing.ts";
import { Graph } from "../graph/graph.ts";
import * as op from "../graph/ops.ts";
import { crossEntropy } from "./cross-entropy.ts";
import reference from "./fixtures/cross-entropy-torch.json" with { type: "json" };

function lossGraph(vocabulary: number, smoothing: number) {
  const graph = new Graph();
  const logits = variable(graph, "logits", ["N", vocabulary]);
  const labels = graph.input("labels", "int64", ["N"]);
  const weights = graph.input("weights", "float32", ["N"]);
  const { loss, negativeLogLikelihood } = crossEntropy(logits, labels, weights, smoothing);
  const scaled = op.mul(loss, 0.5); // so that the gradient from above is not 1
  const gradient = backward(scaled, [logits]).get(logits)!;
  return { graph, outputs: { loss, scaled, nll: negativeLogLikelihood, gradient } };
}

const vocabulary = reference.logits.length / reference.labels.length;
const samples = {
  logits: { data: reference.logits, dims: [reference.labels.length, vocabulary] },
  labels: { data: reference.labels, dims: [reference.labels.length] },
  weights: { data: reference.weights, dims: [reference.labels.length] },
};

test.each(reference.cases)(
  "smoothing $smoothing: torch's value and gradient (scripts/reference/cross_entropy_torch.py)",
  async (each) => {
    const { graph, outputs } = lossGraph(vocabulary, each.smoothing);
    const found = await evaluateGraph(graph, outputs, samples);
    expect(found.loss!.data[0]).toBeCloseTo(each.loss, 4);
    expect(found.nll!.data[0]).toBeCloseTo(each.nll, 4);
    const halved = each.gradient.map((value) => value / 2);
    expect(largestDifference(found.gradient!.data, halved)).toBeLessThan(1e-6);
  },
);

test("the gradient written by hand equals central differences of the value", async () => {
  const { graph, outputs } = lossGraph(vocabulary, 0.1);
  const open = await openGraph(graph, outputs);
  const { gradient } = await open.run(samples);
  const numeric = await centralDifferences(open, samples, "logits", "scaled");
  await open.release();
  expect(largestDifference(gradient!.data, numeric)).toBeLessThan(2e-4);
});

test("equal logits cost log V whatever the smoothing, and a row of weight 0 costs nothing", async () => {
  const { graph, outputs } = lossGraph(4, 0.3);
  const found = await evaluateGraph(graph, outputs, {
    logits: { data: [5, 5, 5, 5, 90, -90, 0, 7], dims: [2, 4] },
    labels: { data: [2, 1], dims: [2] },
    weights: { data: [1, 0], dims: [2] },
  });
  expect(found.loss!.data[0]).toBeCloseTo(Math.log(4), 5);
  expect(found.nll!.data[0]).toBeCloseTo(Math.log(4), 5);
  expect(Array.from(found.gradient!.data).slice(4).map(Math.abs)).toEqual([0, 0, 0, 0]);
});

test("a label of no probability keeps a finite loss and its gradient", async () => {
  const { graph, outputs } = lossGraph(3, 0);
  const found = await evaluateGraph(graph, outputs, {
    logits: { data: [300, 0, -300], dims: [1, 3] },
    labels: { data: [2], dims: [1] },
    weights: { data: [1], dims: [1] },
  });
  expect(found.loss!.data[0]).toBeGreaterThan(80);
  expect(Number.isFinite(found.loss!.data[0])).toBe(true);
  expect(found.gradient!.data).toEqual([0.5, 0, -0.5]);
});

test("the mean over the vocabulary that smoothing needs is the same whether the logits' product is known or not", async () => {
  const [N, D, V] = [3, 4, 6];
  const wave = (count: number, step: number) =>
    Float32Array.from({ length: count }, (_, at) => Math.sin(at * step + 1));
  const samples = {
    ...{ x: { data: wave(N * D, 0.7), dims: [N, D] }, weight: { data: wave(V * D, 1.3), dims: [V, D] } },
    ...{ bias: { data: wave(V, 2.1), dims: [V] }, labels: { data: [1, 5, 0], dims: [N] } },
    weights: { data: [0.5, 0.2, 0.3], dims: [N] },
  };
  const values = [];
  for (const hidden of [false, true]) {
    const graph = new Graph();
    const product = op.linear(
      variable(graph, "x", ["N", D]),
      variable(graph, "weight", [V, D]),
      variable(graph, "bias", [V]),
      true,
    );
    const logits = hidden ? op.identity(product) : product;
    const [labels, weights] = [graph.input("labels", "int64", ["N"]), graph.input("weights", "float32", ["N"])];
    const { loss } = crossEntropy(logits, labels, weights, 0.4);
    const ops = graph.nodes.map((node) => node.op);
    const found = await evaluateGraph(graph, { loss }, samples);
    values.push({ loss: found.loss!.data[0]!, products: ops.filter((name) => name === "FusedMatMul").length });
  }
  expect(values[0]!.loss).toBeCloseTo(values[1]!.loss, 5);
  expect(values.map(({ products }) => products)).toEqual([3, 1]);
});
