// The training graph of a teacher, or with lags of a wait-k student, and a batch as its feeds.
import type * as Ort from "onnxruntime-common";
import { BOS_ID, PAD_ID } from "../../models/vocabulary.ts";
import { Graph } from "../graph/graph.ts";
import * as op from "../graph/ops.ts";
import { crossEntropy } from "../losses/cross-entropy.ts";
import { noDropout, PooledDropout } from "../networks/dropout.ts";
import type { BlockContext } from "../networks/layers.ts";
import { Parameters } from "../networks/parameters.ts";
import { type Architecture, teacherForcedLogits } from "../networks/transformer.ts";
import type { Feeds, TrainingGraph } from "./training-step.ts";

// B sentences, S source positions, U target positions.

/** Padded ids of a batch: rows end with `</s>` and are padded with `<pad>`. */
export interface IdBatch {
  readonly source: Int32Array; // [rows, S]
  readonly target: Int32Array; // [rows, U]
  readonly sourceLengths: Int32Array;
  readonly targetLengths: Int32Array;
  readonly rows: number;
  readonly S: number;
  readonly U: number;
}

export interface TeacherObjective {
  readonly labelSmoothing: number;
  readonly dropout: number;
  /** A wait-k student: causal encoder, and each target token sees what its row's lag lets it; the input waits has the lags. */
  readonly streaming?: boolean;
}

/** Inputs: source, source_lengths, target_in, labels, label_weights, waits if streaming. Metrics: nll (per target token). */
export function teacherTrainingGraph(architecture: Architecture, objective: TeacherObjective): TrainingGraph {
  const graph = new Graph();
  const parameters = new Parameters(graph);
  const dropout = objective.dropout > 0 ? new PooledDropout(graph) : undefined;
  const context: BlockContext = { ...architecture, parameters, dropout: dropout ?? noDropout };
  const source = graph.input("source", "int64", ["B", "S"]);
  const sourceLengths = graph.input("source_lengths", "int64", ["B"]);
  const targetIn = graph.input("target_in", "int64", ["B", "U"]);
  const labels = graph.input("labels", "int64", ["B", "U"]);
  const weights = graph.input("label_weights", "float32", ["B", "U"]);
  const waits = objective.streaming ? graph.input("waits", "int64", ["B"]) : undefined;
  const logits = teacherForcedLogits(context, architecture, source, sourceLengths, targetIn, waits);
  const flat = (x: typeof labels) => op.reshape(x, ["B*U"], [-1]);
  const { loss, negativeLogLikelihood } = crossEntropy(logits, flat(labels), flat(weights), objective.labelSmoothing);
  return { graph, parameters, loss, metrics: { nll: negativeLogLikelihood }, dropoutSites: dropout?.sites ?? 0 };
}

const int64 = (values: Int32Array): BigInt64Array => BigInt64Array.from(values, BigInt);

/** The decoder's input `[rows, U]`: `<s>`, then each target without its last token, then `<pad>`. */
export function shiftedTargets({ rows, U, target, targetLengths }: IdBatch): BigInt64Array {
  const shifted = new BigInt64Array(rows * U).fill(BigInt(PAD_ID));
  for (let row = 0; row < rows; row += 1) {
    shifted[row * U] = BigInt(BOS_ID);
    const length = targetLengths[row]!;
    for (let place = 1; place < length; place += 1) shifted[row * U + place] = BigInt(target[row * U + place - 1]!);
  }
  return shifted;
}

/**
 * Each target token weighs 1 / (tokens of the batch): the loss is a mean over tokens.
 * @param rowWeights `[rows]`: what each row's tokens weigh more or less than that.
 */
export function teacherFeeds(ort: typeof Ort, batch: IdBatch, rowWeights?: Float32Array): Feeds {
  const { rows, S, U, target } = batch;
  const tokens = batch.targetLengths.reduce((sum, length) => sum + length, 0);
  const weights = new Float32Array(rows * U);
  for (let row = 0; row < rows; row += 1)
    weights.fill((rowWeights?.[row] ?? 1) / tokens, row * U, row * U + batch.targetLengths[row]!);
  return {
    source: new ort.Tensor("int64", int64(batch.source), [rows, S]),
    source_lengths: new ort.Tensor("int64", int64(batch.sourceLengths), [rows]),
    target_in: new ort.Tensor("int64", shiftedTargets(batch), [rows, U]),
    labels: new ort.Tensor("int64", int64(target), [rows, U]),
    label_weights: new ort.Tensor("float32", weights, [rows, U]),
  };
}
