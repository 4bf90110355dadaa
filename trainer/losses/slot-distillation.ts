// Distillation of an autoregressive teacher into CTC slots: its distribution at each target token, carried over by the posterior.
import { BLANK_ID, BOS_ID, EOS_ID, PAD_ID } from "../../models/vocabulary.ts";
import type { Value } from "../graph/graph.ts";
import * as op from "../graph/ops.ts";
import { logSumExp } from "./log-sum-exp.ts";
import { column, weighted } from "./word-level.ts";

// B sentences, T slots, U target tokens, L = 2U + 1 CTC states, V vocabulary.

/*
 * CTC's gradient at a slot is softmax − posterior (Graves et al. 2006, eq. 16): the labels' posterior γ is the slot's
 * target, each label's share of it on that label's id alone. Word-level distillation puts that share on the teacher's
 * whole distribution q_u at that target token; with a q_u of all mass on the label it is CTC's gradient again. The
 * posterior in place of one Viterbi path asks nothing of slots that no path is sure of, and needs no second pass; it is
 * held fixed, as in the M-step of expectation maximisation (Dempster et al. 1977). The teacher never writes a blank, so it
 * has nothing to say on when to write: blank or not stays a question of the posterior, and only the choice among words,
 * p̃ (the softmax without the blank), is compared with the teacher and softened by T.
 */

export interface SlotInputs {
  /** The student's, `[B·T, V]`. */
  readonly logits: Value;
  /** `[B, T, L]`, of `ctcLoss`. */
  readonly posterior: Value;
  /** `[B·U, V]`: the teacher's after each target prefix; no gradient goes there. */
  readonly teacherLogits: Value;
  /** int64 `[B]`: slots of each row. */
  readonly slotLengths: Value;
  /** `[B]`, 0 leaves a row out. */
  readonly weights: Value;
  /** int64 `[2]`: B and T. */
  readonly sizes: Value;
}

/** A loss over slots. */
export interface SlotLoss {
  /** Σ_b weights[b] · Σ_t perSlot[b, t]. */
  readonly loss: Value;
  /** `[B·T]`; what a slot behind its row's end has here does not count. */
  readonly perSlot: Value;
}

/** What no target has: the teacher's mass there is taken away before it is compared. */
const NEVER_LABELS = [PAD_ID, BOS_ID, EOS_ID, BLANK_ID];
const TAKEN_AWAY = -1e9;

/**
 * Per slot KL(b ‖ P(blank)) + T²·Σ_u γ_u·KL(q_u,T ‖ p̃_T): b is the posterior's blank, γ_u its share of target token u.
 * @param options.blanks false leaves out the first term, where the labels are the student's own words and say nothing on
 * how many there should be.
 */
export function slotWordLevel(
  inputs: SlotInputs,
  options: { readonly temperature: number; readonly blanks: boolean },
): SlotLoss {
  const { logits } = inputs;
  const { temperature, blanks } = options;
  const { shares, written, weights } = carried(inputs); // [B, T, U], [B·T, 1], [B·T]
  const words = without(logits, [BLANK_ID]); // [B·T, V]
  const softened = op.mul(words, 1 / temperature);
  const p = op.softmax(softened);
  const teacher = op.mul(without(inputs.teacherLogits, NEVER_LABELS), 1 / temperature); // [B·U, V]
  const q = op.softmax(teacher);
  const target = carry(inputs, shares, q); // Σ_u γ_u·q_u, [B·T, V]
  // Σ_u γ_u·KL(q_u ‖ p̃) = Σ_u γ_u·Σ q log q − Σ target·log p̃
  const negativeEntropy = op.sub(op.reduceSum(op.mul(q, teacher), [1], true), logSumExp(teacher, q)); // [B·U, 1]
  const own = carry(inputs, shares, negativeEntropy); // [B·T, 1]
  const crossed = op.sub(op.mul(written, logSumExp(softened, p)), op.reduceSum(op.mul(target, softened), [1], true));
  const divergence = op.mul(op.add(own, crossed), temperature ** 2);
  const blank = blanks ? blankDivergence(logits, words, written) : undefined;
  const perSlot = op.reshape(blank ? op.add(divergence, blank.divergence) : divergence, ["B*T"], [-1]);
  const rule = (dy: Value) => {
    const choice = op.mul(op.sub(op.mul(p, written), target), temperature); // [B·T, V]
    const slope = blank ? op.add(choice, blank.slope()) : choice;
    return [op.mul(slope, column(op.mul(weights, dy)))];
  };
  return { loss: weighted(perSlot, weights, logits, rule), perSlot };
}

/**
 * The teacher scores the words that the slots would choose: per slot Σ_u γ_u·(Σ_v p̃(v)·(−log q_u(v)) − β·H(p̃)), the
 * expectation over the student's word in full, with no sample.
 * @param entropy β: 0 is the bare E_p[−log q]; 1 is Σ_u γ_u·KL(p̃ ‖ q_u).
 */
export function slotMutualInformation(inputs: SlotInputs, entropy: number): SlotLoss {
  const { shares, written, weights } = carried(inputs);
  const words = without(inputs.logits, NEVER_LABELS); // [B·T, V]
  const p = op.softmax(words);
  const teacher = without(inputs.teacherLogits, NEVER_LABELS);
  const surprise = carry(inputs, shares, op.sub(logSumExp(teacher, op.softmax(teacher)), teacher)); // Σ_u γ_u·−log q_u
  const logP = op.sub(words, logSumExp(words, p));
  const cost = entropy === 0 ? surprise : op.add(surprise, op.mul(logP, op.mul(written, entropy)));
  const mean = op.reduceSum(op.mul(p, cost), [1], true); // [B·T, 1]
  const perSlot = op.reshape(mean, ["B*T"], [-1]);
  const rule = (dy: Value) => [op.mul(op.mul(p, op.sub(cost, mean)), column(op.mul(weights, dy)))];
  return { loss: weighted(perSlot, weights, inputs.logits, rule), perSlot };
}

/** The posterior's shares of each target token, their sum at each slot, and the weight of each slot. */
function carried({ posterior, slotLengths, weights, sizes }: SlotInputs) {
  const graph = posterior.graph;
  const pairs = op.slice(posterior, 2, 1, Number.MAX_SAFE_INTEGER, "2*U"); // label, blank, label, blank, …
  const split = op.reshape(pairs, ["B", "T", "U", 2], op.concat([sizes, graph.ints([-1, 2])], 0, 4));
  const labels = op.slice(split, 3, 0, 1);
  const shares = op.reshape(labels, ["B", "T", "U"], op.concat([sizes, graph.ints([-1])], 0, 3));
  const written = op.reshape(op.minimum(op.reduceSum(shares, [2]), 1), ["B*T", 1], [-1, 1]);
  const slots = op.reshape(op.range(0, op.reshape(op.slice(sizes, 0, 1, 2), [], []), "T"), [1, "T"], [1, -1]);
  const present = op.less(slots, op.reshape(slotLengths, ["B", 1], [-1, 1]));
  const perSlot = op.where(present, op.reshape(weights, ["B", 1], [-1, 1]), graph.floats(0)); // [B, T]
  return { shares, written, weights: op.reshape(perSlot, ["B*T"], [-1]) };
}

/** Σ_u shares[b, t, u] · rows[b·U + u]: rows `[B·U, X]` to `[B·T, X]`. */
function carry({ sizes }: SlotInputs, shares: Value, rows: Value): Value {
  const width = rows.shape[1] as number;
  const batch = op.slice(sizes, 0, 0, 1);
  const byRow = op.reshape(rows, ["B", "U", width], op.concat([batch, rows.graph.ints([-1, width])], 0, 3));
  return op.reshape(op.matMul(shares, byRow), ["B*T", width], [-1, width]);
}

/** Logits with some ids out of the question. */
function without(logits: Value, ids: readonly number[]): Value {
  const vocabulary = logits.shape[1] as number;
  const bias = Float32Array.from({ length: vocabulary }, (_, id) => (ids.includes(id) ? TAKEN_AWAY : 0));
  return op.add(logits, logits.graph.constant(bias, [vocabulary]));
}

/** KL of blank or not, from the posterior to the student, and its slope for the logits. */
function blankDivergence(logits: Value, words: Value, written: Value) {
  const graph = logits.graph;
  const vocabulary = logits.shape[1] as number;
  const choice = op.softmax(words); // [B·T, V]
  const atBlank = op.slice(logits, 1, BLANK_ID, BLANK_ID + 1); // [B·T, 1]
  const odds = op.sub(atBlank, logSumExp(words, choice)); // log P(blank) − log P(a word)
  const softplus = (x: Value) => op.add(op.relu(x), op.log(op.add(op.exp(op.neg(op.abs(x))), 1)));
  const expected = op.sub(graph.floats(1), written); // b
  const entropyPart = (share: Value) => op.mul(share, op.log(op.maximum(share, 1e-37)));
  const divergence = op.add(
    op.add(op.mul(expected, softplus(op.neg(odds))), op.mul(written, softplus(odds))),
    op.add(entropyPart(expected), entropyPart(written)),
  );
  const slope = () => {
    const probability = op.exp(op.neg(softplus(op.neg(odds))));
    const excess = op.sub(probability, expected); // [B·T, 1]
    const unit = Float32Array.from({ length: vocabulary }, (_, id) => Number(id === BLANK_ID));
    return op.mul(excess, op.sub(graph.constant(unit, [vocabulary]), choice));
  };
  return { divergence, slope };
}
