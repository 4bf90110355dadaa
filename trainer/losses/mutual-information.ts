// The teacher scores the student's own distribution: E_p[−log q], the term of mutual-information distillation.
import type { Value } from "../graph/graph.ts";
import * as op from "../graph/ops.ts";
import { logSumExp } from "./log-sum-exp.ts";
import { column, flat, type PlaceLoss, weighted } from "./word-level.ts";

// N places (sentence by position), V vocabulary.

/**
 * Σ_v p(v)·(−log q(v)) − β·H(p) at each place: the expectation over the student's next token is taken in full, so that
 * no sample and no score-function estimate is needed; a sequence's E_p[−log q(y)] is the sum of these over prefixes
 * drawn from p, and the gradient through the drawing of prefixes is left out, as in GKD (Agarwal et al. 2024, section 3).
 * β 0 is the bare term, whose minimum puts all of p on the teacher's likeliest token; β 1 is KL(p ‖ q), whose minimum is
 * p = q (the reverse divergence of MiniLLM, Gu et al. 2024).
 * @param logits the student's, `[N, V]`.
 * @param teacherLogits `[N, V]`; no gradient goes there.
 * @param weights `[N]`, 0 for padding.
 * @param entropy β.
 */
export function mutualInformation(logits: Value, teacherLogits: Value, weights: Value, entropy: number): PlaceLoss {
  const p = op.softmax(logits); // [N, V]
  const surprise = op.sub(logSumExp(teacherLogits, op.softmax(teacherLogits)), teacherLogits); // −log q
  const cost = entropy === 0 ? surprise : op.add(surprise, op.mul(op.sub(logits, logSumExp(logits, p)), entropy)); // + β·log p
  const mean = op.reduceSum(op.mul(p, cost), [1], true); // [N, 1]
  const perPlace = flat(mean);
  // d/dz Σ p·f = p·(f − Σ p·f); what the β·log p in f adds to its own gradient sums to 0
  const rule = (dy: Value) => [op.mul(op.mul(p, op.sub(cost, mean)), column(op.mul(weights, dy)))];
  return { loss: weighted(perPlace, weights, logits, rule), perPlace };
}
