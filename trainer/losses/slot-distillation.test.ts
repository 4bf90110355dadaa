import { describe, expect, test } from "vitest";
import { BLANK_ID } from "../../models/vocabulary.ts";
import { backward } from "../graph/backward.ts";
import {
  centralDifferences,
  evaluateGraph,
  largestDifference,
  openGraph,
  type Sample,
  variable,
} from "../graph/evaluate-graph.testing.ts";
import { Graph } from "../graph/graph.ts";
import * as op from "../graph/ops.ts";
import { ctcLoss } from "./ctc.ts";
import { ctcLabels } from "./ctc-labels.ts";
import reference from "./fixtures/slot-distillation-torch.json" with { type: "json" };
import { type SlotInputs, type SlotLoss, slotMutualInformation, slotWordLevel } from "./slot-distillation.ts";

// B rows, T slots, U targets (the end included), V vocabulary, L states.

const { vocabulary: V, labels, slots, weights, targets: U } = reference;
const B = labels.length;
const T = Math.max(...slots);

const target = new Int32Array(B * U);
labels.forEach((row, place) => {
  target.set(row, place * U);
});
const states = ctcLabels(
  target,
  Int32Array.from(labels, (row) => row.length),
  Int32Array.from(slots),
  B,
  U,
  BLANK_ID,
);
const L = states.stateCount;

/** The reference has logits of all places. */
const common: Record<string, Sample> = {
  logits: { data: reference.student, dims: [B * T, V] },
  teacher: { data: reference.teacher, dims: [B * U, V] },
  slot_lengths: { data: slots, dims: [B] },
  weights: { data: weights, dims: [B] },
  sizes: { data: [B, T], dims: [2] },
};
const ctcSamples: Record<string, Sample> = {
  ...common,
  states: { data: Array.from(states.states, Number), dims: [B, L] },
  skips: { data: states.skips, dims: [B, L] },
  last_states: { data: Array.from(states.lastStates, Number), dims: [B, 1] },
};

type Loss = (inputs: SlotInputs) => SlotLoss;

/** The loss with the posterior of the CTC loss in the same graph, as in training. */
function withCtc(make: Loss) {
  const graph = new Graph();
  const logits = variable(graph, "logits", ["B*T", V]);
  const teacherLogits = graph.input("teacher", "float32", ["B*U", V]);
  const slotLengths = graph.input("slot_lengths", "int64", ["B"]);
  const rowWeights = graph.input("weights", "float32", ["B"]);
  const sizes = graph.input("sizes", "int64", [2]);
  const ctc = ctcLoss({
    ...{ logits, slotLengths, weights: rowWeights, sizes, blank: BLANK_ID },
    states: graph.input("states", "int64", ["B", "L"]),
    skips: graph.input("skips", "float32", ["B", "L"]),
    lastStates: graph.input("last_states", "int64", ["B", 1]),
  });
  const inputs = { logits, posterior: ctc.posterior, teacherLogits, slotLengths, weights: rowWeights, sizes };
  const { loss, perSlot } = make(inputs);
  const gradient = backward(op.mul(loss, 0.5), [logits]).get(logits)!;
  const ctcGradient = backward(op.mul(ctc.loss, 0.5), [logits]).get(logits)!;
  return { graph, outputs: { loss, perSlot, gradient, ctcGradient, posterior: ctc.posterior } };
}

const CASES: [string, Loss, { loss: number; gradient: readonly number[] }][] = [
  ...reference.wordLevel.map((each): (typeof CASES)[number] => [
    `word level at T ${each.temperature}, ${each.blanks ? "with" : "without"} blanks`,
    (inputs) => slotWordLevel(inputs, each),
    each,
  ]),
  ...reference.mutualInformation.map((each): (typeof CASES)[number] => [
    `mutual information, entropy ${each.entropy}`,
    (inputs) => slotMutualInformation(inputs, each.entropy),
    each,
  ]),
];

describe.each(CASES)("%s", (_, make, expected) => {
  test("has torch's value and gradient (scripts/reference/distillation_torch.py)", async () => {
    const { graph, outputs } = withCtc(make);
    const found = await evaluateGraph(graph, outputs, ctcSamples);
    expect(found.loss!.data[0]).toBeCloseTo(expected.loss, 4);
    const half = expected.gradient.map((value) => value / 2);
    expect(largestDifference(found.gradient!.data, half)).toBeLessThan(3e-6);
  });

  test("has the gradient of its value with the posterior held fixed, by central differences", async () => {
    const graph = new Graph();
    const logits = variable(graph, "logits", ["B*T", V]);
    const inputs = {
      logits,
      posterior: graph.input("posterior", "float32", ["B", "T", "L"]),
      teacherLogits: graph.input("teacher", "float32", ["B*U", V]),
      slotLengths: graph.input("slot_lengths", "int64", ["B"]),
      weights: graph.input("weights", "float32", ["B"]),
      sizes: graph.input("sizes", "int64", [2]),
    };
    const scaled = op.mul(make(inputs).loss, 0.5);
    const gradient = backward(scaled, [logits]).get(logits)!;
    const samples = { ...common, posterior: await posteriorOf() };
    const open = await openGraph(graph, { scaled, gradient });
    const found = await open.run(samples);
    const numeric = await centralDifferences(open, samples, "logits", "scaled");
    await open.release();
    expect(largestDifference(found.gradient!.data, numeric)).toBeLessThan(4e-4);
  });
});

async function posteriorOf(): Promise<Sample> {
  const { graph, outputs } = withCtc((inputs) => slotMutualInformation(inputs, 0));
  const { posterior } = await evaluateGraph(graph, outputs, ctcSamples);
  return posterior!;
}

test("the posterior of the CTC loss is the gradient of log p for each state's emission, as torch has it", async () => {
  const { data } = await posteriorOf();
  reference.posteriors.forEach((expected, row) => {
    const own = 2 * labels[row]!.length + 1;
    const found = Array.from({ length: slots[row]! }, (_, slot) => {
      const start = (row * T + slot) * L;
      return Array.from(data).slice(start, start + own);
    });
    expect(largestDifference(found.flat(), expected)).toBeLessThan(1e-5);
  });
});

test("with a teacher that is sure of the labels, the gradient is CTC's", async () => {
  const teacher = new Float32Array(B * U * V);
  labels.forEach((row, place) => {
    for (const [at, label] of row.entries()) teacher[(place * U + at) * V + label] = 60;
  });
  const { graph, outputs } = withCtc((inputs) => slotWordLevel(inputs, { temperature: 1, blanks: true }));
  const found = await evaluateGraph(graph, outputs, { ...ctcSamples, teacher: { data: teacher, dims: [B * U, V] } });
  expect(largestDifference(found.gradient!.data, found.ctcGradient!.data)).toBeLessThan(1e-5);
});

test("a row of weight 0 and slots behind a row's end change nothing, a row without a path gives numbers", async () => {
  const short = {
    ...ctcSamples,
    slot_lengths: { data: [1, 5, 2], dims: [B] },
    weights: { data: [0, 1, 1], dims: [B] },
  };
  for (const [, make] of CASES) {
    const { graph, outputs } = withCtc(make);
    const found = await evaluateGraph(graph, outputs, short);
    expect(Number.isFinite(found.loss!.data[0])).toBe(true);
    const gradient = Array.from(found.gradient!.data);
    expect(gradient.every(Number.isFinite)).toBe(true);
    const slotsOf = (row: number, from: number) => gradient.slice((row * T + from) * V, (row + 1) * T * V);
    for (const value of [...slotsOf(0, 0), ...slotsOf(1, 5), ...slotsOf(2, 2)]) expect(Math.abs(value)).toBe(0);
    expect(slotsOf(1, 0).some((value) => Math.abs(value) > 1e-3)).toBe(true);
  }
});
