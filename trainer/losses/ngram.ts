// Expected n-gram overlap of a CTC student's output with its target, and its expected lagging, as graph nodes.
import type { Value } from "../graph/graph.ts";
import * as op from "../graph/ops.ts";
import { IMPOSSIBLE } from "./ctc-labels.ts";

// B sentences, T slots, U labels, V vocabulary. CTC's slots are independent: the probability of a run of slots is the
// product of theirs.

export interface ExpectedOutputInputs {
  /** `[B·T, V]`: each slot's distribution. */
  readonly probabilities: Value;
  /** int64 `[B]`: slots of each row; those behind are left out. */
  readonly slotLengths: Value;
  readonly blank: number;
  readonly vocabulary: number;
  /** int64 `[2]`: B and T. */
  readonly sizes: Value;
}

/** What the slots are expected to say once repeats and blanks are dropped. */
export interface ExpectedOutput {
  /** `[B, T]`: probability that a token is emitted at the slot, that is: neither blank nor a repeat of the slot before. */
  readonly emitted: Value;
  /** `[B]`: Σ of them, the expected number of tokens. */
  readonly tokens: Value;
  /** `[B]`: expected number of pairs of neighbouring tokens. */
  readonly pairs: Value;
  /** `[B, T, T]`: probability that every slot strictly between the first and the second is blank; 0 unless first < second. */
  readonly between: Value;
  /** bool `[B, T, 1]`: the slot belongs to the row. */
  readonly present: Value;
}

/** Below this a slot's blank counts as this probable, so that its logarithm and the quotient in its gradient are finite. */
const SMALLEST = 1e-30;

export function expectedOutput(inputs: ExpectedOutputInputs): ExpectedOutput {
  const { probabilities, slotLengths, blank, vocabulary, sizes } = inputs;
  const { graph } = probabilities;
  const [zero, one] = [graph.floats(0), graph.floats(1)];
  const slots = slotNumbers(sizes); // [T]
  const first = op.reshape(slots, ["T", 1], [-1, 1]);
  const second = op.reshape(slots, [1, "T"], [1, -1]);
  const present = op.less(op.reshape(slots, [1, "T", 1], [1, -1, 1]), op.reshape(slotLengths, ["B", 1, 1], [-1, 1, 1]));
  const flatPresent = op.reshape(present, ["B", "T"], sizes);

  const blanks = op.reshape(op.slice(probabilities, 1, blank, blank + 1, 1), ["B", "T"], sizes);
  const blankOr1 = op.where(flatPresent, blanks, one); // slots behind a row's end are blank
  const bounded = op.where(op.less(blankOr1, SMALLEST), graph.floats(SMALLEST), blankOr1);
  const upTo = op.where(op.lessOrEqual(first, second), one, zero); // [T, T]: column t has ones down to row t
  const running = op.matMul(op.log(bounded), upTo); // [B, T]: log-probability that slots 0 … t are blank
  const before = op.sub(running, op.log(bounded)); // … that slots 0 … t − 1 are
  const logBetween = op.sub(
    op.reshape(before, ["B", 1, "T"], [0, 1, -1]),
    op.reshape(running, ["B", "T", 1], [0, -1, 1]),
  );
  const between = op.exp(op.where(op.less(first, second), logBetween, graph.floats(IMPOSSIBLE))); // [B, T, T]

  // Two neighbouring slots hold the same id with the sum over ids of p_t·p_{t+1}: the first diagonal of P·Pᵀ.
  const rows = op.reshape(probabilities, ["B", "T", vocabulary], op.concat([sizes, graph.ints([vocabulary])], 0));
  const alike = op.matMul(rows, rows, { transposeRight: true }); // [B, T, T]
  const next = op.equal(op.add(first, 1), second); // [T, T]
  const sameId = op.reduceSum(op.where(next, alike, graph.floats(0)), [1]); // [B, T], at the second of the two
  const shifted = op.matMul(blanks, op.where(next, one, zero)); // [B, T]: the blank of the slot before; 0 at slot 0
  const repeats = op.sub(sameId, op.mul(blanks, shifted));
  const emitted = op.where(flatPresent, op.sub(op.sub(one, blanks), repeats), zero); // [B, T]
  const tokens = op.reduceSum(emitted, [1]); // [B]
  const allBlank = op.exp(op.reduceSum(op.log(bounded), [1])); // [B]
  const pairs = op.add(op.sub(tokens, 1), allBlank); // an output without tokens has no pairs, not −1
  return { emitted, tokens, pairs, between, present };
}

export interface NgramInputs {
  /** `[B·T, V]` */
  readonly probabilities: Value;
  readonly expected: ExpectedOutput;
  /** int64 `[B, U]`, and float `[B, U]` three times: as `ngramLabels` lays them out. */
  readonly tokens: Value;
  readonly unigrams: Value;
  readonly bigrams: Value;
  readonly doubled: Value;
  /** int64 `[2]`: B and T. */
  readonly sizes: Value;
}

/** Overlap F = 2·Σ min(expected, wanted) / (Σ expected + Σ wanted), for single tokens and for pairs, each `[B]`. */
export interface NgramOverlap {
  readonly unigram: Value;
  readonly bigram: Value;
}

/**
 * The expected n-gram matches of Shao and Feng 2022 (Non-Monotonic Latent Alignments for CTC-Based Non-Autoregressive
 * Machine Translation, section 4.2, equations 9 to 13), of the target's own n-grams only, so that a pair costs T² and
 * not V²: E[count(a, b)] = Σ_{i<j} p_i(a)·Π_{i<k<j} p_k(blank)·p_j(b), the slots i and j being the last of a's run and the
 * first of b's. Two equal tokens need a blank between them: their neighbouring slots are no pair. The counts are exact.
 */
export function ngramOverlap(inputs: NgramInputs): NgramOverlap {
  const { probabilities, expected, tokens, unigrams, bigrams, doubled, sizes } = inputs;
  const { graph } = probabilities;
  const zero = graph.floats(0);
  const wideSizes = op.concat([sizes, op.shapeOf(tokens, 1, 2)], 0, 3); // B, T, U
  const wide = op.expand(op.reshape(tokens, ["B", 1, "U"], [0, 1, -1]), ["B", "T", "U"], wideSizes);
  const ids = op.reshape(wide, ["B*T", "U"], op.concat([graph.ints([-1]), op.shapeOf(tokens, 1, 2)], 0, 2));
  const gathered = op.reshape(op.gatherElements(probabilities, ids), ["B", "T", "U"], wideSizes);
  const p = op.where(expected.present, gathered, zero); // [B, T, U]

  const slots = slotNumbers(sizes);
  const first = op.reshape(slots, ["T", 1], [-1, 1]);
  const second = op.reshape(slots, [1, "T"], [1, -1]);
  const next = op.where(op.equal(op.add(second, 1), first), graph.floats(1), zero); // [T, T]: row t takes slot t − 1
  const previous = op.matMul(next, p); // [B, T, U]: each label at the slot before
  const unigramCounts = op.sub(op.reduceSum(p, [1]), op.reduceSum(op.mul(p, previous), [1])); // [B, U]

  const reached = op.matMul(expected.between, p, { transposeLeft: true }); // [B, T, U]: a's run ended, then blanks
  const start = op.sub(reached, op.mul(previous, op.reshape(doubled, ["B", 1, "U"], [0, 1, -1])));
  const END = Number.MAX_SAFE_INTEGER;
  const pairCounts = op.reduceSum(
    op.mul(op.slice(start, 2, 0, -1, "U-1"), op.slice(p, 2, 1, END, "U-1")), // a at place u, b at place u + 1
    [1],
  ); // [B, U − 1]
  const wantedPairs = op.slice(bigrams, 1, 0, -1, "U-1");
  return {
    unigram: overlap(unigramCounts, unigrams, expected.tokens),
    bigram: overlap(pairCounts, wantedPairs, expected.pairs),
  };
}

function overlap(counts: Value, wanted: Value, total: Value): Value {
  const matched = op.reduceSum(op.where(op.less(counts, wanted), counts, wanted), [1]); // [B]
  const all = op.add(total, op.reduceSum(wanted, [1]));
  return op.div(op.mul(matched, 2), op.add(all, 1e-6)); // an empty output for an empty target has neither
}

export interface LaggingInputs {
  readonly expected: ExpectedOutput;
  /** int64 `[B]`: source tokens of each row, `</s>` included. */
  readonly sourceLengths: Value;
  /** int64 `[B]`: target tokens of each row. */
  readonly targetLengths: Value;
  /** int64 `[B]` */
  readonly waits: Value;
  readonly slotsPerToken: number;
  /** int64 `[2]`: B and T. */
  readonly sizes: Value;
}

/**
 * The expected lagging of each row `[B]`, in source tokens: the mean over emitted tokens of what had been read less what an
 * ideal interpreter would have read, as LAAL counts it (Papi et al. 2022), with the slots' emission probabilities in the
 * place of words (after Ma et al. 2023, Non-autoregressive Streaming Transformer, section 3.3).
 */
export function expectedLagging(inputs: LaggingInputs): Value {
  const { expected, sourceLengths, targetLengths, waits, slotsPerToken, sizes } = inputs;
  const { graph } = waits;
  const column = (values: Value) => op.reshape(values, ["B", 1], [-1, 1]);
  const slots = slotNumbers(sizes);
  const chunks = op.reshape(op.div(slots, slotsPerToken), [1, "T"], [1, -1]);
  const read = op.cast(op.minimum(op.add(chunks, column(waits)), column(sourceLengths)), "float32"); // [B, T]
  const first = op.reshape(slots, ["T", 1], [-1, 1]);
  const second = op.reshape(slots, [1, "T"], [1, -1]);
  const earlier = op.where(op.less(first, second), graph.floats(1), graph.floats(0));
  const before = op.matMul(expected.emitted, earlier); // [B, T]: tokens expected before the slot
  const wanted = op.cast(targetLengths, "float32");
  const longer = op.where(op.less(wanted, expected.tokens), expected.tokens, wanted); // [B]
  const pace = op.div(op.cast(sourceLengths, "float32"), op.add(longer, 1e-6)); // source tokens a target token
  const lags = op.sub(read, op.mul(before, column(pace)));
  return op.div(op.reduceSum(op.mul(expected.emitted, lags), [1]), op.add(expected.tokens, 1e-6));
}

/** int64 `[T]`: 0, 1, 2, … */
function slotNumbers(sizes: Value): Value {
  return op.range(0, op.reshape(op.slice(sizes, 0, 1, 2), [], []), "T");
}
