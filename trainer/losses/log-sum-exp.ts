// log Σ exp of each row from the row's softmax, without another exponential of the whole matrix.
import type { Value } from "../graph/graph.ts";
import * as op from "../graph/ops.ts";

/**
 * logsumexp(x) = max x − log max softmax(x); the largest probability is at least 1 / V, so its logarithm is safe.
 * @param x `[N, V]`, or more leading axes.
 * @param softmax of `x` over the last axis.
 * @returns `[N, 1]`
 */
export function logSumExp(x: Value, softmax: Value): Value {
  return op.sub(op.reduceMax(x, [-1], true), op.log(op.reduceMax(softmax, [-1], true)));
}
