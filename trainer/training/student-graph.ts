// The CTC student's training graph and, for glancing, the forward pass before it; a batch as their feeds.
import type * as Ort from "onnxruntime-common";
import { BLANK_ID } from "../../models/vocabulary.ts";
import { Graph, type Value } from "../graph/graph.ts";
import { serializeModel } from "../graph/onnx.ts";
import * as op from "../graph/ops.ts";
import { ctcLoss, emissions } from "../losses/ctc.ts";
import { ctcLabels } from "../losses/ctc-labels.ts";
import { noDropout, PooledDropout } from "../networks/dropout.ts";
import type { BlockContext } from "../networks/layers.ts";
import { type ParameterSpec, Parameters } from "../networks/parameters.ts";
import { type StudentArchitecture, slotLogits } from "../networks/student.ts";
import type { IdBatch } from "./teacher-graph.ts";
import type { Feeds, TrainingGraph } from "./training-step.ts";

// B sentences, S source positions, T = λ·S slots, L CTC states, V vocabulary.

interface StudentInputs {
  readonly source: Value;
  readonly sourceLengths: Value;
  readonly waits: Value;
  readonly states: Value;
  readonly slotLengths: Value;
}

function declareInputs(graph: Graph): StudentInputs {
  return {
    source: graph.input("source", "int64", ["B", "S"]),
    sourceLengths: graph.input("source_lengths", "int64", ["B"]),
    waits: graph.input("waits", "int64", ["B"]),
    states: graph.input("ctc_states", "int64", ["B", "L"]),
    slotLengths: graph.input("slot_lengths", "int64", ["B"]),
  };
}

/**
 * The loss: CTC per target token, with the inputs of some slots glanced at where `glancing`.
 * Metrics: nll (the same, reported apart from any regularisation).
 */
export function studentTrainingGraph(
  architecture: StudentArchitecture,
  objective: { readonly dropout: number; readonly glancing: boolean },
): TrainingGraph {
  const graph = new Graph();
  const parameters = new Parameters(graph);
  const dropout = objective.dropout > 0 ? new PooledDropout(graph) : undefined;
  const context: BlockContext = { ...architecture, parameters, dropout: dropout ?? noDropout };
  const inputs = declareInputs(graph);
  const glance = objective.glancing
    ? { ids: graph.input("glance_ids", "int64", ["B", "T"]), mask: graph.input("glance_mask", "bool", ["B", "T"]) }
    : undefined;
  const { logits, layout } = slotLogits(
    context,
    architecture,
    inputs.source,
    inputs.sourceLengths,
    inputs.waits,
    glance,
  );
  const { loss } = ctcLoss({
    logits,
    states: inputs.states,
    skips: graph.input("ctc_skips", "float32", ["B", "L"]),
    lastStates: graph.input("ctc_last_states", "int64", ["B", 1]),
    slotLengths: inputs.slotLengths,
    weights: graph.input("row_weights", "float32", ["B"]),
    blank: BLANK_ID,
    sizes: layout.sizes,
  });
  return { graph, parameters, loss, metrics: { nll: loss }, dropoutSites: dropout?.sites ?? 0 };
}

/** The first pass of glancing: inputs as in training, parameters included; outputs emissions `[T, B, L]` and best `[B, T]`. */
export function glancePassModel(architecture: StudentArchitecture): {
  model: Uint8Array;
  specs: readonly ParameterSpec[];
} {
  const graph = new Graph();
  const parameters = new Parameters(graph);
  const context: BlockContext = { ...architecture, parameters, dropout: noDropout };
  const inputs = declareInputs(graph);
  const { logits, layout } = slotLogits(context, architecture, inputs.source, inputs.sourceLengths, inputs.waits);
  const { states, slotLengths } = inputs;
  const emitted = emissions({ logits, states, slotLengths, blank: BLANK_ID, sizes: layout.sizes }, op.softmax(logits));
  const best = op.reshape(op.argMax(logits), ["B", "T"], layout.sizes);
  return { model: serializeModel(graph, { emissions: emitted, best }), specs: parameters.specs };
}

/** A batch with what CTC needs beside the ids. */
export interface StudentBatch {
  readonly feeds: Feeds;
  readonly labels: ReturnType<typeof ctcLabels>;
  readonly slotLengths: Int32Array;
  /** Slots of the padded batch, λ·S. */
  readonly T: number;
  readonly targetTokens: number;
  readonly infeasible: number;
}

/**
 * @param waits the lag of each row, in tokens.
 * The loss is a mean over the target tokens of the rows that can be reached; `</s>` is no CTC label.
 */
export function studentFeeds(ort: typeof Ort, batch: IdBatch, waits: Int32Array, slotsPerToken: number): StudentBatch {
  const { rows, S, U } = batch;
  const slotLengths = batch.sourceLengths.map((length) => length * slotsPerToken);
  const targetLengths = batch.targetLengths.map((length) => length - 1); // without </s>
  const labels = ctcLabels(batch.target, targetLengths, slotLengths, rows, U, BLANK_ID);
  let targetTokens = 0;
  let infeasible = 0;
  for (let row = 0; row < rows; row += 1) {
    if (labels.feasible[row]) targetTokens += targetLengths[row]!;
    else infeasible += 1;
  }
  const weights = Float32Array.from(labels.feasible, (feasible) => (feasible ? 1 / Math.max(1, targetTokens) : 0));
  const int64 = (values: ArrayLike<number>, shape: number[]) =>
    new ort.Tensor("int64", BigInt64Array.from(values, BigInt), shape);
  const L = labels.stateCount;
  const feeds: Feeds = {
    source: int64(batch.source, [rows, S]),
    source_lengths: int64(batch.sourceLengths, [rows]),
    waits: int64(waits, [rows]),
    ctc_states: new ort.Tensor("int64", labels.states, [rows, L]),
    ctc_skips: new ort.Tensor("float32", labels.skips, [rows, L]),
    ctc_last_states: new ort.Tensor("int64", labels.lastStates, [rows, 1]),
    slot_lengths: int64(slotLengths, [rows]),
    row_weights: new ort.Tensor("float32", weights, [rows]),
  };
  return { feeds, labels, slotLengths, T: S * slotsPerToken, targetTokens, infeasible };
}
