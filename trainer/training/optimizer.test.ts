import { expect, test } from "vitest";
import { largestDifference, openGraph, type Sample, variable } from "../graph/evaluate-graph.testing.ts";
import { Graph, type Value } from "../graph/graph.ts";
import reference from "./fixtures/adam-torch.json" with { type: "json" };
import { adam, correctedRate, firstMomentName, LEARNING_RATE, secondMomentName } from "./optimizer.ts";

const { settings, steps } = reference;
const shapes: Record<string, number[]> = reference.shapes;
const names = Object.keys(shapes);
const sample = (name: string, data: ArrayLike<number>): Sample => ({ data, dims: shapes[name]! });
const size = (name: string): number => shapes[name]!.reduce((product, dim) => product * dim, 1);

test("updates equal torch.optim.Adam's after clipping (scripts/reference/adam_torch.py)", async () => {
  const graph = new Graph();
  const gradients = new Map<Value, Value>();
  for (const name of names) {
    gradients.set(variable(graph, name, shapes[name]!), graph.input(`${name}:gradient`, "float32", shapes[name]!));
  }
  const nodes = adam(graph, gradients, settings);
  const outputs: Record<string, Value> = { norm: nodes.gradientNorm };
  for (const name of names) {
    outputs[`${name}:next`] = nodes.parameters.get(name)!;
    outputs[`${firstMomentName(name)}:next`] = nodes.firstMoments.get(name)!;
    outputs[`${secondMomentName(name)}:next`] = nodes.secondMoments.get(name)!;
  }
  const open = await openGraph(graph, outputs);

  const state: Record<string, Sample> = {};
  const initial: Record<string, number[]> = reference.initial;
  for (const name of names) {
    state[name] = sample(name, initial[name]!);
    for (const moment of [firstMomentName(name), secondMomentName(name)])
      state[moment] = sample(name, new Float32Array(size(name)));
  }
  for (const [index, step] of steps.entries()) {
    const given: Record<string, number[]> = step.gradients;
    const after: Record<string, number[]> = step.after;
    const rate = correctedRate(step.rate, index + 1, settings);
    const feeds = Object.fromEntries(names.map((name) => [`${name}:gradient`, sample(name, given[name]!)]));
    const results = await open.run({ ...state, ...feeds, [LEARNING_RATE]: { data: [rate], dims: [] } });
    expect(results.norm!.data[0]! / step.norm).toBeCloseTo(1, 5);
    for (const key of Object.keys(state)) state[key] = results[`${key}:next`]!;
    for (const name of names) expect(largestDifference(state[name]!.data, after[name]!)).toBeLessThan(2e-6);
  }
  await open.release();
  expect(
    steps.some((step) => step.norm > settings.clipNorm),
    "some steps are clipped",
  ).toBe(true);
  expect(
    steps.some((step) => step.norm < settings.clipNorm),
    "some are not",
  ).toBe(true);
});

test("the corrected rate: √(1 − β2^t) / (1 − β1^t)", () => {
  const adamSettings = { beta1: 0.9, beta2: 0.98, epsilon: 1e-9, clipNorm: 1 };
  expect(correctedRate(1, 1, adamSettings)).toBeCloseTo(Math.sqrt(0.02) / 0.1, 12);
  expect(correctedRate(0.5, 2, adamSettings)).toBeCloseTo((0.5 * Math.sqrt(1 - 0.9604)) / (1 - 0.81), 12);
  expect(correctedRate(3e-4, 100_000, adamSettings)).toBeCloseTo(3e-4, 12);
});
