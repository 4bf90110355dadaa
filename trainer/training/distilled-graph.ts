// An autoregressive student's training graph with its teacher in it, and a batch as its feeds.
import type * as Ort from "onnxruntime-common";
import { Graph, type Value } from "../graph/graph.ts";
import type { NamedOutputs } from "../graph/onnx.ts";
import * as op from "../graph/ops.ts";
import { crossEntropy } from "../losses/cross-entropy.ts";
import { mutualInformation } from "../losses/mutual-information.ts";
import { sparseWordLevel, wordLevel } from "../losses/word-level.ts";
import { noDropout, PooledDropout } from "../networks/dropout.ts";
import { Parameters, type Weights } from "../networks/parameters.ts";
import { type Architecture, teacherForcedLogits } from "../networks/transformer.ts";
import { type IdBatch, teacherFeeds } from "./teacher-graph.ts";
import type { Feeds, TrainingGraph } from "./training-step.ts";

// B sentences, S source positions, U target positions, V vocabulary.

/** A teacher that only answers: its weights are constants of the graph. */
export interface FrozenTeacher {
  readonly architecture: Architecture;
  readonly weights: Weights;
}

export interface WordLevelTerm {
  readonly temperature: number;
  /** How many of the teacher's ids are stored for each place; left out, the teacher answers in the graph. */
  readonly stored?: number;
}

/** The terms that the graph has; a term that is left out costs nothing. */
export interface DistilledObjective {
  readonly dropout: number;
  /** Of the cross entropy. */
  readonly labelSmoothing: number;
  /** A wait-k student, as in {@link teacherTrainingGraph}; the teacher still sees whole sentences. */
  readonly streaming?: boolean;
  readonly wordLevel?: WordLevelTerm;
  readonly mutualInformation?: { readonly entropy: number };
  /** On batches that the student wrote: the teacher's distribution at T after each prefix, or its likeliest token. */
  readonly onPolicy?: { readonly labels: "distribution" | "token"; readonly temperature: number };
}

/** The teacher's logits `[B·U, V]` after the same prefixes, without dropout and without a gradient. */
export function frozenLogits(teacher: FrozenTeacher, source: Value, sourceLengths: Value, targetIn: Value): Value {
  const { architecture, weights } = teacher;
  const context = { ...architecture, parameters: new Parameters(source.graph, weights), dropout: noDropout };
  return teacherForcedLogits(context, architecture, source, sourceLengths, targetIn);
}

/** The teacher where a term asks it. @throws Error where there is none: the recipe's terms and the teacher go together. */
export function required(teacher: FrozenTeacher | undefined): FrozenTeacher {
  if (!teacher) throw new Error("this objective asks a teacher, and there is none");
  return teacher;
}

/** What was stored of the teacher at each place: feeds soft_ids and soft_log_probabilities, `[B, U, k]`. */
export function storedInputs(graph: Graph, k: number): { ids: Value; logProbabilities: Value } {
  const rows = (x: Value) => op.reshape(x, ["B*U", k], [-1, k]);
  return {
    ids: rows(graph.input("soft_ids", "int64", ["B", "U", k])),
    logProbabilities: rows(graph.input("soft_log_probabilities", "float32", ["B", "U", k])),
  };
}

/**
 * The loss: Σ (label − word)·cross entropy + word·T²·KL(q_T ‖ p_T) + information·(E_p[−log q] − β·H(p)) over places,
 * each term with its weights `[B, U]` in the feeds label_weights, word_weights and information_weights; and on the student's
 * own prefixes, with own_weights, T²·KL(q_T ‖ p_T) (GKD, Agarwal et al. 2024) or the cross entropy of the teacher's likeliest
 * token (ImitKD, Lin et al. 2020), without a gradient through what was drawn.
 * Metrics: nll (by label_weights), and each term as it enters the loss.
 */
export function distilledTrainingGraph(
  architecture: Architecture,
  objective: DistilledObjective,
  teacher: FrozenTeacher | undefined,
): TrainingGraph {
  const graph = new Graph();
  const parameters = new Parameters(graph);
  const dropout = objective.dropout > 0 ? new PooledDropout(graph) : undefined;
  const context = { ...architecture, parameters, dropout: dropout ?? noDropout };
  const source = graph.input("source", "int64", ["B", "S"]);
  const sourceLengths = graph.input("source_lengths", "int64", ["B"]);
  const targetIn = graph.input("target_in", "int64", ["B", "U"]);
  const labels = graph.input("labels", "int64", ["B", "U"]);
  const flat = (x: Value) => op.reshape(x, ["B*U"], [-1]);
  const weightsOf = (name: string) => flat(graph.input(name, "float32", ["B", "U"]));
  const waits = objective.streaming ? graph.input("waits", "int64", ["B"]) : undefined;
  const logits = teacherForcedLogits(context, architecture, source, sourceLengths, targetIn, waits);
  let answered: Value | undefined;
  const teacherLogits = () => {
    answered ??= frozenLogits(required(teacher), source, sourceLengths, targetIn);
    return answered;
  };

  const labelWeights = weightsOf("label_weights");
  const wordWeights = objective.wordLevel ? weightsOf("word_weights") : undefined;
  const hardWeights = wordWeights ? op.sub(labelWeights, wordWeights) : labelWeights;
  const hard = crossEntropy(logits, flat(labels), hardWeights, objective.labelSmoothing);
  const terms: Record<string, Value> = { crossEntropy: hard.loss };
  if (objective.wordLevel && wordWeights) {
    const { temperature, stored } = objective.wordLevel;
    const soft = stored === undefined ? undefined : storedInputs(graph, stored);
    terms.wordLevel = soft
      ? sparseWordLevel(logits, soft.ids, soft.logProbabilities, wordWeights, temperature).loss
      : wordLevel(logits, teacherLogits(), wordWeights, temperature).loss;
  }
  if (objective.mutualInformation) {
    const weights = weightsOf("information_weights");
    terms.mutualInformation = mutualInformation(
      logits,
      teacherLogits(),
      weights,
      objective.mutualInformation.entropy,
    ).loss;
  }
  if (objective.onPolicy) {
    const { labels: kind, temperature } = objective.onPolicy;
    const weights = weightsOf("own_weights");
    terms.onPolicy =
      kind === "distribution"
        ? wordLevel(logits, teacherLogits(), weights, temperature).loss
        : crossEntropy(logits, op.argMax(teacherLogits()), weights, 0).loss;
  }
  const loss = Object.values(terms).reduce((sum, term) => op.add(sum, term));
  const nll = op.sumAll(op.mul(hard.perPlace, labelWeights));
  const metrics: NamedOutputs = { nll, ...terms };
  return { graph, parameters, loss, metrics, dropoutSites: dropout?.sites ?? 0 };
}

/** The teacher's k likeliest ids at every place of a batch's targets. */
export interface SoftBatch {
  readonly k: number;
  readonly ids: Int32Array; // [rows, U, k]
  readonly logProbabilities: Float32Array; // [rows, U, k]
}

/** The feeds of {@link storedInputs}. */
export function softFeeds(ort: typeof Ort, { rows, U }: IdBatch, { k, ids, logProbabilities }: SoftBatch): Feeds {
  return {
    soft_ids: new ort.Tensor("int64", BigInt64Array.from(ids, BigInt), [rows, U, k]),
    soft_log_probabilities: new ort.Tensor("float32", logProbabilities, [rows, U, k]),
  };
}

/** What each row of a batch weighs, by term. A term without its list is not in the graph. */
export interface RowWeights {
  /** `[rows]`: of the whole loss. */
  readonly pair: Float32Array;
  /** `[rows]`: the share of it that is word level, α or 0. */
  readonly word?: Float32Array;
  /** What is stored of the teacher at each place, where word level reads that. */
  readonly soft?: SoftBatch;
  /** `[rows]`: mutual information, beside the rest. */
  readonly information?: Float32Array;
  /** `[rows]`: the teacher's labels of what the student wrote. */
  readonly own?: Float32Array;
  /** Whether the student wrote these targets: their likelihood then counts for nothing. */
  readonly written?: boolean;
}

/** The feeds: the teacher's, and for each term a weight at every place of a row's target, divided by the batch's tokens. */
export function distilledFeeds(ort: typeof Ort, batch: IdBatch, weights: RowWeights): Feeds {
  const { rows, U, targetLengths } = batch;
  const tokens = targetLengths.reduce((sum, length) => sum + length, 0);
  const spread = (perRow: (row: number) => number) => {
    const places = new Float32Array(rows * U);
    for (let row = 0; row < rows; row += 1) places.fill(perRow(row) / tokens, row * U, row * U + targetLengths[row]!);
    return new ort.Tensor("float32", places, [rows, U]);
  };
  const { pair, word, soft, information, own, written } = weights;
  return {
    ...teacherFeeds(ort, batch, written ? new Float32Array(rows) : pair),
    ...(word ? { word_weights: spread((row) => pair[row]! * word[row]!) } : {}),
    ...(own ? { own_weights: spread((row) => pair[row]! * own[row]!) } : {}),
    ...(soft ? softFeeds(ort, batch, soft) : {}),
    ...(information ? { information_weights: spread((row) => pair[row]! * information[row]!) } : {}),
  };
}
