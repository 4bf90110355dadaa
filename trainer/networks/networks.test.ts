import * as ort from "onnxruntime-node";
import { describe, expect, test } from "vitest";
import { backward } from "../graph/backward.ts";
import { evaluateGraph, largestDifference, type Sample } from "../graph/evaluate-graph.testing.ts";
import { Graph, type Value } from "../graph/graph.ts";
import { lagFeeds } from "../training/lags.ts";
import { studentFeeds, studentTrainingGraph } from "../training/student-graph.ts";
import { type IdBatch, teacherFeeds, teacherTrainingGraph } from "../training/teacher-graph.ts";
import type { Feeds, TrainingGraph } from "../training/training-step.ts";
import { noDropout } from "./dropout.ts";
import studentReference from "./fixtures/student-torch.json" with { type: "json" };
import teacherReference from "./fixtures/teacher-torch.json" with { type: "json" };
import waitKReference from "./fixtures/wait-k-torch.json" with { type: "json" };
import { formulaWeights } from "./formula-weights.testing.ts";
import { type ParameterSpec, Parameters } from "./parameters.ts";
import { slotLogits } from "./student.ts";
import { teacherForcedLogits } from "./transformer.ts";

interface Reference {
  readonly loss: number;
  readonly logits: readonly number[];
  readonly gradients: Readonly<Record<string, { norm: number; values: readonly number[] }>>;
}

const { architecture, batch: rows } = teacherReference;
const V = architecture.vocabulary;
const batch: IdBatch = {
  source: Int32Array.from(rows.source.flat()),
  target: Int32Array.from(rows.target.flat()),
  sourceLengths: Int32Array.from(rows.sourceLengths),
  targetLengths: Int32Array.from(rows.targetLengths),
  rows: rows.source.length,
  S: rows.source[0]!.length,
  U: rows.target[0]!.length,
};
const waits = Int32Array.from(rows.waits);

function samplesOf(feeds: Feeds, specs: readonly ParameterSpec[]): Record<string, Sample> {
  const samples: Record<string, Sample> = {};
  for (const [name, tensor] of Object.entries(feeds)) {
    const { data, dims } = tensor;
    if (!(data instanceof BigInt64Array || data instanceof Float32Array || data instanceof Uint8Array))
      throw new Error(name);
    samples[name] = { data: Array.from<number | bigint, number>(data, Number), dims };
  }
  const weights = formulaWeights(specs);
  for (const { name, shape } of specs) samples[name] = { data: weights.get(name)!, dims: shape };
  return samples;
}

/** Loss, metrics and gradients of a training graph on the reference batch. */
async function evaluateTraining(model: TrainingGraph, feeds: Feeds): Promise<Record<string, Sample>> {
  const parameters = [...model.parameters.values];
  const found = backward(
    model.loss,
    parameters.map(([, value]) => value),
  );
  const outputs: Record<string, Value> = { loss: model.loss, ...model.metrics };
  for (const [name, value] of parameters) outputs[`d ${name}`] = found.get(value)!;
  return evaluateGraph(model.graph, outputs, samplesOf(feeds, model.parameters.specs));
}

function expectReference(found: Record<string, Sample>, model: TrainingGraph, reference: Reference): void {
  expect(found.loss!.data[0]! / reference.loss).toBeCloseTo(1, 5);
  const names = model.parameters.specs.map(({ name }) => name).sort();
  expect(names).toEqual(Object.keys(reference.gradients).sort());
  for (const name of names) {
    const gradient = Array.from(found[`d ${name}`]!.data);
    const { norm, values } = reference.gradients[name]!;
    const tolerance = 1e-5 + 1e-4 * norm;
    expect(Math.abs(Math.hypot(...gradient) - norm), `norm of d ${name}`).toBeLessThan(tolerance);
    const picked = gradient.filter((_, index) => index % 37 === 0);
    expect(largestDifference(picked, values), `d ${name}`).toBeLessThan(tolerance);
  }
}

/** Every seventh of the logits of real places, as the reference has them. */
function expectLogits(logits: Sample, lengths: readonly number[], padded: number, reference: Reference): void {
  const all = Array.from(logits.data);
  const real = lengths.flatMap((length, row) => all.slice(row * padded * V, (row * padded + length) * V));
  const picked = real.filter((_, index) => index % 7 === 0);
  expect(largestDifference(picked, reference.logits)).toBeLessThan(2e-5);
}

/** The graph of the logits alone, as they are in training. */
async function evaluateLogits(
  build: (parts: { graph: Graph; parameters: Parameters }) => Value,
  feeds: Feeds,
): Promise<Sample> {
  const graph = new Graph();
  const parameters = new Parameters(graph);
  const logits = build({ graph, parameters });
  const samples = samplesOf(feeds, parameters.specs);
  const wanted = new Set(graph.inputs.map(({ name }) => name));
  const own = Object.fromEntries(Object.entries(samples).filter(([name]) => wanted.has(name)));
  return (await evaluateGraph(graph, { logits }, own)).logits!;
}

describe("the teacher equals PyTorch's (scripts/reference/networks_torch.py)", () => {
  const feeds = teacherFeeds(ort, batch);

  test("logits", async () => {
    const logits = await evaluateLogits(({ graph, parameters }) => {
      const context = { ...architecture, parameters, dropout: noDropout };
      const source = graph.input("source", "int64", ["B", "S"]);
      const lengths = graph.input("source_lengths", "int64", ["B"]);
      const targetIn = graph.input("target_in", "int64", ["B", "U"]);
      return teacherForcedLogits(context, architecture, source, lengths, targetIn);
    }, feeds);
    expectLogits(logits, rows.targetLengths, batch.U, teacherReference);
  });

  test("loss and every gradient", async () => {
    const objective = { labelSmoothing: teacherReference.labelSmoothing, dropout: 0 };
    const model = teacherTrainingGraph(architecture, objective);
    const found = await evaluateTraining(model, feeds);
    expect(found.nll!.data[0]! / teacherReference.nll).toBeCloseTo(1, 5);
    expectReference(found, model, teacherReference);
  });
});

/** An autoregressive student's logits on a batch, each row at its lag. */
function waitKLogits(ids: IdBatch, lags: Int32Array): Promise<Sample> {
  return evaluateLogits(
    ({ graph, parameters }) => {
      const context = { ...architecture, parameters, dropout: noDropout };
      const source = graph.input("source", "int64", ["B", "S"]);
      const lengths = graph.input("source_lengths", "int64", ["B"]);
      const targetIn = graph.input("target_in", "int64", ["B", "U"]);
      const waits = graph.input("waits", "int64", ["B"]);
      return teacherForcedLogits(context, architecture, source, lengths, targetIn, waits);
    },
    { ...teacherFeeds(ort, ids), ...lagFeeds(ort, lags) },
  );
}

describe("the autoregressive student equals PyTorch's (scripts/reference/networks_torch.py)", () => {
  test("logits at waits of 1, 3 and the whole sentence", async () => {
    expectLogits(await waitKLogits(batch, waits), rows.targetLengths, batch.U, waitKReference);
  });

  test("loss with label smoothing, and every gradient, a lag for each row", async () => {
    const { labelSmoothing } = waitKReference;
    const model = teacherTrainingGraph(architecture, { labelSmoothing, dropout: 0, streaming: true });
    const found = await evaluateTraining(model, { ...teacherFeeds(ort, batch), ...lagFeeds(ort, waits) });
    expect(found.nll!.data[0]! / waitKReference.nll).toBeCloseTo(1, 5);
    expectReference(found, model, waitKReference);
  });
});

/** The CTC student's logits on a batch, by its own feeds. */
function studentLogits(ids: IdBatch, lags: Int32Array): Promise<Sample> {
  const { feeds } = studentFeeds(ort, ids, lags, architecture.slotsPerToken);
  return evaluateLogits(({ graph, parameters }) => {
    const context = { ...architecture, parameters, dropout: noDropout };
    const source = graph.input("source", "int64", ["B", "S"]);
    const lengths = graph.input("source_lengths", "int64", ["B"]);
    return slotLogits(context, architecture, source, lengths, graph.input("waits", "int64", ["B"])).logits;
  }, feeds);
}

describe("the student equals PyTorch's (scripts/reference/networks_torch.py)", () => {
  const made = studentFeeds(ort, batch, waits, architecture.slotsPerToken);

  test("logits at waits of 1, 3 and the whole sentence", async () => {
    const logits = await studentLogits(batch, waits);
    expectLogits(logits, Array.from(made.slotLengths), made.T, studentReference);
  });

  test("loss through CTC, without the row that its slots cannot spell, and every gradient", async () => {
    const model = studentTrainingGraph(architecture, { dropout: 0, glancing: false });
    expect(Array.from(made.labels.feasible)).toEqual(studentReference.feasible);
    expect(made.infeasible).toBe(1);
    expectReference(await evaluateTraining(model, made.feeds), model, studentReference);
  });

  test("glancing at nothing changes nothing; a shown slot changes the loss", async () => {
    const model = studentTrainingGraph(architecture, { dropout: 0, glancing: true });
    const size = batch.rows * made.T;
    const shape = [batch.rows, made.T];
    const glance = (shown: number): Feeds => ({
      ...made.feeds,
      glance_ids: new ort.Tensor("int64", new BigInt64Array(size).fill(21n), shape),
      glance_mask: new ort.Tensor("bool", new Uint8Array(size).fill(1, 0, shown), shape),
    });
    const found = await evaluateTraining(model, glance(0));
    expectReference(found, model, studentReference);
    const seen = await evaluateGraph(model.graph, { loss: model.loss }, samplesOf(glance(2), model.parameters.specs));
    expect(Math.abs(seen.loss!.data[0]! - found.loss!.data[0]!)).toBeGreaterThan(1e-3);
  });
});

describe("what a target position must not know changes nothing", () => {
  const upTo = (logits: Sample, position: number) => Array.from(logits.data).slice(0, position * V);

  test("at wait k, position u depends on the source before u + k and not beyond", async () => {
    for (const wait of [1, 2, 3]) {
      const lags = Int32Array.of(wait, 3, 1);
      const untouched = await waitKLogits(batch, lags);
      for (let changed = 1; changed < 4; changed += 1) {
        const source = batch.source.slice();
        source[changed] = 37;
        const after = await waitKLogits({ ...batch, source }, lags);
        const known = Math.max(0, changed - wait + 1); // the first position that sees it
        expect(upTo(after, known), `wait ${wait}, token ${changed}`).toEqual(upTo(untouched, known));
        expect(upTo(after, known + 1)).not.toEqual(upTo(untouched, known + 1));
      }
    }
  });

  test("later target tokens", async () => {
    const target = batch.target.slice();
    target[1] = 37;
    const [here, there] = [await waitKLogits(batch, waits), await waitKLogits({ ...batch, target }, waits)];
    expect(upTo(there, 2)).toEqual(upTo(here, 2));
    expect(upTo(there, 3)).not.toEqual(upTo(here, 3));
  });
});

describe("what a slot must not know changes nothing", () => {
  const T = batch.S * architecture.slotsPerToken;
  const slotsBefore = (logits: Sample, chunk: number) =>
    Array.from(logits.data).slice(0, chunk * architecture.slotsPerToken * V);

  test("at wait k, chunk i depends on the source up to i + k − 1 and not beyond", async () => {
    for (const wait of [1, 2, 3]) {
      const lags = Int32Array.of(wait, 3, 1);
      const before = await studentLogits(batch, lags);
      for (let changed = 1; changed < 4; changed += 1) {
        const source = batch.source.slice();
        source[changed] = 37;
        const after = await studentLogits({ ...batch, source }, lags);
        const untouched = Math.max(0, changed - wait + 1);
        expect(slotsBefore(after, untouched), `wait ${wait}, token ${changed}`).toEqual(slotsBefore(before, untouched));
        expect(slotsBefore(after, untouched + 1)).not.toEqual(slotsBefore(before, untouched + 1));
      }
    }
  });

  test("padding of a row, and the rows beside it", async () => {
    const together = await studentLogits(batch, waits);
    const short = { ...batch, source: batch.source.slice(5, 8), S: 3, rows: 1 };
    const alone = await studentLogits(
      {
        ...short,
        target: batch.target.slice(6, 12),
        sourceLengths: Int32Array.of(3),
        targetLengths: Int32Array.of(6),
      },
      Int32Array.of(3),
    );
    const own = Array.from(together.data).slice(T * V, (T + 3 * architecture.slotsPerToken) * V);
    expect(largestDifference(alone.data, own)).toBeLessThan(1e-5);
  });
});
