// The CTC student's training graph and, for glancing, the forward pass before it; a batch as their feeds.
import type * as Ort from "onnxruntime-common";
import { BLANK_ID } from "../../models/vocabulary.ts";
import { FULL_WAIT } from "../../models/wait.ts";
import { Graph, type Value } from "../graph/graph.ts";
import { serializeModel } from "../graph/onnx.ts";
import * as op from "../graph/ops.ts";
import { ctcLoss, emissions } from "../losses/ctc.ts";
import { ctcLabels } from "../losses/ctc-labels.ts";
import { expectedLagging, expectedOutput, ngramOverlap } from "../losses/ngram.ts";
import { ngramLabels } from "../losses/ngram-labels.ts";
import { noDropout, PooledDropout } from "../networks/dropout.ts";
import type { BlockContext } from "../networks/layers.ts";
import { type ParameterSpec, Parameters } from "../networks/parameters.ts";
import { type StudentArchitecture, slotLogits } from "../networks/student.ts";
import { type SlotObjective, slotTerms } from "./slot-terms.ts";
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

/** Weights of a loss's terms; 0 leaves a term out. */
export interface NgramObjective {
  /** CTC per target token. */
  readonly ctc: number;
  /** 1 − expected overlap of single tokens, and of pairs; rows weigh by their target tokens. */
  readonly unigram: number;
  readonly bigram: number;
  /** Expected lagging in source tokens, of the rows that do not wait for the whole sentence. */
  readonly lagging: number;
}

/**
/**
 * The loss: CTC per target token, with the inputs of some slots glanced at where `glancing`, and the teacher's terms where
 * `distilled`; or a weighted sum of CTC, n-gram overlap and lagging where `ngram`.
 * Metrics: nll (CTC by row_weights, whatever else there is), with `ngram` the overlaps and the lagging, with `distilled`
 * each term as it enters the loss.
 */
export function studentTrainingGraph(
  architecture: StudentArchitecture,
  objective: {
    readonly dropout: number;
    readonly glancing: boolean;
    readonly ngram?: NgramObjective;
    readonly distilled?: SlotObjective;
  },
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
  const rowWeights = graph.input("row_weights", "float32", ["B"]);
  const distilled = objective.distilled && slotTerms(objective.distilled, rowWeights, inputs);
  const slots = { logits, slotLengths: inputs.slotLengths, sizes: layout.sizes };
  const ctc = ctcLoss({
    ...slots,
    states: inputs.states,
    skips: graph.input("ctc_skips", "float32", ["B", "L"]),
    lastStates: graph.input("ctc_last_states", "int64", ["B", 1]),
    weights: distilled?.ctcWeights ?? rowWeights,
    blank: BLANK_ID,
  });
  const dropoutSites = dropout?.sites ?? 0;
  const { ngram } = objective;
  const likelihood = ctc.loss;
  if (distilled) {
    const all: Record<string, Value> = { ctc: likelihood, ...distilled.added({ ...slots, posterior: ctc.posterior }) };
    const loss = Object.values(all).reduce((sum, term) => op.add(sum, term));
    const counted = op.where(op.less(graph.floats(0), rowWeights), ctc.perRow, graph.floats(0)); // others may be enormous
    const nll = op.sumAll(op.mul(counted, rowWeights));
    return { graph, parameters, loss, metrics: { nll, ...all }, dropoutSites };
  }
  if (!ngram) return { graph, parameters, loss: likelihood, metrics: { nll: likelihood }, dropoutSites };
  const terms = ngramTerms(architecture, inputs, logits, layout.sizes);
  const parts: [Value, number][] = [
    [likelihood, ngram.ctc],
    [op.sub(graph.floats(1), terms.unigram), ngram.unigram],
    [op.sub(graph.floats(1), terms.bigram), ngram.bigram],
    [terms.lagging, ngram.lagging],
  ];
  const used = parts.filter(([, weight]) => weight > 0).map(([value, weight]) => op.mul(value, weight));
  const loss = used.reduce((sum, part) => op.add(sum, part));
  return { graph, parameters, loss, metrics: { nll: likelihood, ...terms }, dropoutSites };
}

/** Overlaps and lagging of a batch, each a mean over its rows: scalars. */
function ngramTerms(
  { slotsPerToken, vocabulary }: StudentArchitecture,
  { sourceLengths, slotLengths, waits }: StudentInputs,
  logits: Value,
  sizes: Value,
): { unigram: Value; bigram: Value; lagging: Value } {
  const { graph } = logits;
  const probabilities = op.softmax(logits);
  const expected = expectedOutput({ probabilities, slotLengths, blank: BLANK_ID, vocabulary, sizes });
  const floats = (name: string) => graph.input(name, "float32", ["B", "U"]);
  const { unigram, bigram } = ngramOverlap({
    ...{ probabilities, expected, sizes, tokens: graph.input("ngram_tokens", "int64", ["B", "U"]) },
    ...{ unigrams: floats("unigrams"), bigrams: floats("bigrams"), doubled: floats("doubled") },
  });
  const targetLengths = graph.input("target_lengths", "int64", ["B"]);
  const lagging = expectedLagging({ expected, sourceLengths, targetLengths, waits, slotsPerToken, sizes });
  const byTokens = graph.input("ngram_weights", "float32", ["B"]);
  const byWait = graph.input("lagging_weights", "float32", ["B"]);
  const mean = (values: Value, weights: Value) => op.sumAll(op.mul(values, weights));
  return { unigram: mean(unigram, byTokens), bigram: mean(bigram, byTokens), lagging: mean(lagging, byWait) };
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
  /** `[rows]`: what each row's CTC weighs; 0 where it is not reached. */
  readonly rowWeights: Float32Array;
  /** Slots of the padded batch, λ·S. */
  readonly T: number;
  readonly targetTokens: number;
  readonly infeasible: number;
}

/**
 * @param waits the lag of each row, in tokens.
 * @param pairWeights `[rows]`: what each row weighs more or less than by its tokens.
 * The loss is a mean over the target tokens of the rows that can be reached; `</s>` is no CTC label.
 */
export function studentFeeds(
  ort: typeof Ort,
  batch: IdBatch,
  waits: Int32Array,
  slotsPerToken: number,
  pairWeights?: Float32Array,
): StudentBatch {
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
  const rowWeights = Float32Array.from(labels.feasible, (feasible, row) =>
    feasible ? (pairWeights?.[row] ?? 1) / Math.max(1, targetTokens) : 0,
  );
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
    row_weights: new ort.Tensor("float32", rowWeights, [rows]),
  };
  return { feeds, labels, slotLengths, rowWeights, T: S * slotsPerToken, targetTokens, infeasible };
}

/** What the n-gram objective needs beside `studentFeeds`; rows that CTC leaves out take part. */
export function ngramFeeds(ort: typeof Ort, batch: IdBatch, waits: Int32Array): Feeds {
  const { rows, U } = batch;
  const lengths = batch.targetLengths.map((length) => length - 1); // without </s>
  const { tokens, unigrams, bigrams, doubled } = ngramLabels(batch.target, lengths, rows, U, BLANK_ID);
  const share = (of: (row: number) => number): Float32Array => {
    const shares = Float32Array.from({ length: rows }, (_, row) => of(row));
    const total = shares.reduce((sum, value) => sum + value, 0);
    return shares.map((value) => value / Math.max(1, total));
  };
  const table = (data: Float32Array) => new ort.Tensor("float32", data, [rows, U]);
  return {
    ngram_tokens: new ort.Tensor("int64", tokens, [rows, U]),
    unigrams: table(unigrams),
    bigrams: table(bigrams),
    doubled: table(doubled),
    target_lengths: new ort.Tensor("int64", BigInt64Array.from(lengths, BigInt), [rows]),
    ngram_weights: new ort.Tensor(
      "float32",
      share((row) => lengths[row]!),
      [rows],
    ),
    lagging_weights: new ort.Tensor(
      "float32",
      share((row) => Number(waits[row]! < FULL_WAIT)),
      [rows],
    ),
  };
}
