// Attention whose sums have one order, so that a row's words do not depend on what shares its step.
import * as op from "../graph/ops.ts";
import type { Attend } from "../networks/layers.ts";

/** Columns of ones that sum the weights: with one column alone onnxruntime takes a kernel that sums in lanes. */
const COLUMNS = 16;

/**
 * softmax(q·kᵀ·scale + mask)·v for q `[B, H, T, dh]`, k and v `[B, H, S, dh]`, to the bit the same wherever padding
 * stands among the keys and however many queries there are.
 *
 * onnxruntime's Softmax sums in vector lanes, so its last bit depends on a key's place; after rounding to int8 that can
 * turn a choice between two near candidates. A matrix product adds key after key, and a masked key adds an exact zero:
 * here the normalising sum is a product with ones. Products with a single query row take another kernel, which does not
 * keep to that order: queries go in twice.
 */
export const orderedAttention: Attend = (q, k, v, mask, scale) => {
  const { graph } = q;
  const queries = q.shape[2]!;
  const twice = (x: typeof q) => op.concat([x, x], 2, `2*${queries}`);
  const count = op.shapeOf(q, 2, 3);
  const once = (x: typeof q) => op.slice(x, 2, 0, count, queries);
  const scores = op.add(once(op.matMul(twice(q), k, { transposeRight: true, scale })), mask); // [B, H, T, S]
  const weights = op.exp(op.sub(scores, op.reduceMax(scores, [-1], true)));
  const ones = op.filled(op.concat([op.shapeOf(k, 2, 3), graph.ints([COLUMNS])], 0), [k.shape[2]!, COLUMNS], 1);
  const sums = op.slice(op.matMul(weights, ones), 3, 0, 1, 1); // [B, H, T, 1]
  return op.div(once(op.matMul(twice(weights), v)), sums); // [B, H, T, dh]
};
