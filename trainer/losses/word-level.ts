// Word-level distillation (Hinton et al. 2015; Kim & Rush 2016, section 3.1): the student's distribution at each place is drawn to the teacher's.
import type { Value } from "../graph/graph.ts";
import * as op from "../graph/ops.ts";
import { logSumExp } from "./log-sum-exp.ts";

// N places (sentence by position), V vocabulary, k stored ids.

/** A loss over places, and what each of them costs. */
export interface PlaceLoss {
  /** Σ_n weights[n] · perPlace[n]. */
  readonly loss: Value;
  /** `[N]` */
  readonly perPlace: Value;
}

/**
 * T²·KL(q_T ‖ p_T), q_T and p_T the softmax of logits divided by T. The factor T² keeps the gradient's size when T
 * changes (Hinton et al. 2015, section 2.1).
 * @param logits the student's, `[N, V]`.
 * @param teacherLogits `[N, V]`; no gradient goes there.
 * @param weights `[N]`, 0 for padding.
 */
export function wordLevel(logits: Value, teacherLogits: Value, weights: Value, temperature: number): PlaceLoss {
  const student = op.mul(logits, 1 / temperature); // [N, V]
  const teacher = op.mul(teacherLogits, 1 / temperature);
  const p = op.softmax(student);
  const q = op.softmax(teacher);
  // Σ q·(log q − log p) without a logarithm of either matrix
  const crossed = op.reduceSum(op.mul(q, op.sub(teacher, student)), [1], true); // [N, 1]
  const divergence = op.add(crossed, op.sub(logSumExp(student, p), logSumExp(teacher, q)));
  const perPlace = op.mul(flat(divergence), temperature ** 2);
  // d/dz T²·KL = T·(p − q)
  const rule = (dy: Value) => [op.mul(op.sub(p, q), column(op.mul(op.mul(weights, dy), temperature)))];
  return { loss: weighted(perPlace, weights, logits, rule), perPlace };
}

/**
 * The same against a teacher's k likeliest ids and the rest of its mass as one outcome: T²·KL of two distributions over
 * k + 1 outcomes, which is at most the full divergence and assumes nothing about the rest's shape. At T other than 1 the
 * stored distribution is softened as if its rest were spread evenly.
 * @param ids int64 `[N, k]`, all different where the weight is not 0.
 * @param logProbabilities `[N, k]`, the teacher's at T 1.
 */
export function sparseWordLevel(
  logits: Value,
  ids: Value,
  logProbabilities: Value,
  weights: Value,
  temperature: number,
): PlaceLoss {
  const vocabulary = logits.shape[1] as number;
  const stored = ids.shape[1] as number;
  // the teacher: k ids and the rest, each exp(log q / T), normalised
  const logRest = logRestOf(logProbabilities); // [N, 1]
  const spread = Math.log(Math.max(1, vocabulary - stored));
  const softened = op.concat(
    [op.mul(logProbabilities, 1 / temperature), op.add(op.mul(op.sub(logRest, spread), 1 / temperature), spread)],
    1,
    stored + 1,
  );
  const q = op.softmax(softened); // [N, k + 1]
  // the student: its mass on the same ids, and on all others
  const all = op.softmax(op.mul(logits, 1 / temperature)); // [N, V]
  const kept = op.gatherElements(all, ids); // [N, k]
  const others = op.scatterElementsAdd(all, ids, op.neg(kept)); // 0 at the ids
  const rest = op.maximum(op.reduceSum(others, [1], true), 1e-30); // [N, 1]
  const logP = op.log(op.maximum(op.concat([kept, rest], 1, stored + 1), 1e-37));
  const logQ = op.log(op.maximum(q, 1e-37));
  const divergence = op.reduceSum(op.mul(q, op.sub(logQ, logP)), [1]); // [N]
  const perPlace = op.mul(divergence, temperature ** 2);
  const rule = (dy: Value) => {
    const scale = column(op.mul(op.mul(weights, dy), temperature)); // [N, 1]
    const ratio = op.div(op.slice(q, 1, stored, stored + 1), rest);
    const outside = op.mul(others, op.sub(scale, op.mul(scale, ratio))); // p·(1 − q_rest / p_rest)
    const inside = op.mul(op.sub(kept, op.slice(q, 1, 0, stored)), scale);
    return [op.scatterElementsAdd(outside, ids, inside)];
  };
  return { loss: weighted(perPlace, weights, logits, rule), perPlace };
}

/**
 * Logits whose softmax has the stored probabilities at their ids and spreads the rest evenly over all others: the
 * distribution of the highest entropy that fits what is stored.
 * @returns `[N, V]`
 */
export function completedLogits(
  { ids, logProbabilities }: { readonly ids: Value; readonly logProbabilities: Value },
  vocabulary: number,
): Value {
  const stored = ids.shape[1] as number;
  const each = op.sub(logRestOf(logProbabilities), Math.log(Math.max(1, vocabulary - stored))); // [N, 1]
  const target = op.concat([op.shapeOf(ids, 0, 1), ids.graph.ints([vocabulary])], 0, 2);
  const even = op.expand(each, [ids.shape[0]!, vocabulary], target);
  return op.scatterElementsAdd(even, ids, op.sub(logProbabilities, each));
}

/** log of the mass that is in none of the stored ids, `[N, 1]`. */
function logRestOf(logProbabilities: Value): Value {
  const mass = op.reduceSum(op.exp(logProbabilities), [1], true);
  return op.log(op.maximum(op.sub(mass.graph.floats(1), mass), SMALLEST_REST));
}

/** Less than this is left beside stored probabilities only through rounding. */
const SMALLEST_REST = 1e-7;

export const flat = (x: Value): Value => op.reshape(x, [x.shape[0]!], [-1]);
export const column = (x: Value): Value => op.reshape(x, [x.shape[0]!, 1], [-1, 1]);

/** Σ weights · perPlace with its gradient for `logits` written by hand. */
export function weighted(
  perPlace: Value,
  weights: Value,
  logits: Value,
  rule: (dy: Value) => readonly (Value | undefined)[],
): Value {
  const value = op.sumAll(op.mul(perPlace, weights));
  const output = { type: "float32" as const, shape: [] };
  return value.graph.node("Identity", [value], [output], {}, { customGradient: { inputs: [logits], rule } })[0]!;
}
