// The blocks of a pre-norm Transformer (Vaswani et al. 2017; Xiong et al. 2020), over rows: activations are [rows, D].
import type { Value } from "../graph/graph.ts";
import * as op from "../graph/ops.ts";
import type { Dropout } from "./dropout.ts";
import type { Parameters } from "./parameters.ts";

// B sentences, S positions, D width, H heads, dh = D / H, F feed-forward width, N = B·S rows, V vocabulary.

/** What every block needs: where its parameters are, its sizes, and how it drops activations. */
export interface BlockContext {
  readonly parameters: Parameters;
  readonly width: number;
  readonly heads: number;
  readonly feedForward: number;
  readonly dropout: Dropout;
  /** How `x · weight + bias` is computed; export to int8 puts its own here. Default: float32. */
  readonly product?: Product;
  /** How attention is computed; export to a step graph puts its own here. Default: {@link attend}. */
  readonly attend?: Attend;
}

/** `x [N, in] · weight [in, out] + bias [out]`; the weight is `[out, in]` where `transposed`. */
export type Product = (x: Value, weight: Value, bias: Value, transposed: boolean) => Value;

/** softmax(q·kᵀ·scale + mask)·v for q `[B, H, T, dh]`, k and v `[B, H, S, dh]`, mask broadcast to `[B, H, T, S]`. */
export type Attend = (q: Value, k: Value, v: Value, mask: Value, scale: number) => Value;

/** The two leading sizes of a `[B, S, …]` tensor that is kept as rows. */
export interface RowLayout {
  readonly batch: string;
  readonly length: string;
  /** int64 `[2]` holding B and S. */
  readonly sizes: Value;
  readonly rows: string;
}

/** The layout of ids `[B, S]`. */
export function rowLayout(ids: Value): RowLayout {
  const [batch, length] = ids.shape as [string, string];
  return { batch, length, sizes: op.shapeOf(ids), rows: `${batch}*${length}` };
}

export function dense(context: BlockContext, name: string, x: Value, inWidth: number, outWidth: number): Value {
  const deviation = Math.sqrt(2 / (inWidth + outWidth)); // Glorot and Bengio 2010
  const weight = context.parameters.get(`${name}.weight`, [inWidth, outWidth], { normal: deviation });
  const bias = context.parameters.get(`${name}.bias`, [outWidth], { constant: 0 });
  return (context.product ?? op.linear)(x, weight, bias, false); // [N, out]
}

export function norm(context: BlockContext, name: string, x: Value): Value {
  const scale = context.parameters.get(`${name}.scale`, [context.width], { constant: 1 });
  const bias = context.parameters.get(`${name}.bias`, [context.width], { constant: 0 });
  return op.layerNorm(x, scale, bias);
}

/** `[N, D]` rows as `[B, H, S, dh]`. */
export function splitHeads(context: BlockContext, x: Value, layout: RowLayout): Value {
  const { heads, width } = context;
  const size = width / heads;
  const target = op.concat([layout.sizes, x.graph.ints([heads, size])], 0);
  const split = op.reshape(x, [layout.batch, layout.length, heads, size], target);
  return op.transpose(split, [0, 2, 1, 3]); // [B, H, S, dh]
}

/** `[B, H, S, dh]` back to rows `[N, D]`. */
export function mergeHeads(context: BlockContext, x: Value, rows: string): Value {
  return op.reshape(op.transpose(x, [0, 2, 1, 3]), [rows, context.width], [-1, context.width]);
}

/** Attention with onnxruntime's softmax (Vaswani et al. 2017, equation 1). */
export const attend: Attend = (q, k, v, mask, scale) => {
  const scores = op.add(op.matMul(q, k, { transposeRight: true, scale }), mask); // [B, H, T, S]
  return op.matMul(op.softmax(scores), v); // [B, H, T, dh]
};

export interface KeysAndValues {
  readonly keys: Value; // [B, H, S, dh]
  readonly values: Value;
}

export function project(context: BlockContext, name: string, part: string, x: Value, layout: RowLayout): Value {
  return splitHeads(context, dense(context, `${name}.${part}`, x, context.width, context.width), layout);
}

export function keysAndValues(context: BlockContext, name: string, x: Value, layout: RowLayout): KeysAndValues {
  return { keys: project(context, name, "key", x, layout), values: project(context, name, "value", x, layout) };
}

/** An attention block without its residual: queries from `x`, keys and values given. */
export function attention(
  context: BlockContext,
  name: string,
  x: Value,
  layout: RowLayout,
  memory: KeysAndValues,
  mask: Value,
): Value {
  const queries = project(context, name, "query", x, layout);
  const scale = 1 / Math.sqrt(context.width / context.heads);
  const attended = (context.attend ?? attend)(queries, memory.keys, memory.values, mask, scale);
  const mixed = mergeHeads(context, attended, layout.rows);
  return dense(context, `${name}.output`, mixed, context.width, context.width);
}

export function feedForward(context: BlockContext, name: string, x: Value): Value {
  const inner = op.relu(dense(context, `${name}.inner`, x, context.width, context.feedForward)); // [N, F]
  return dense(context, `${name}.outer`, inner, context.feedForward, context.width);
}

/** `x + dropout(block)`. */
export function residual(context: BlockContext, x: Value, block: Value): Value {
  return op.add(x, context.dropout.apply(block));
}

const MASKED = -1e9;

/** An additive mask: 0 where `visible`, -1e9 elsewhere. */
export function additiveMask(visible: Value): Value {
  return op.where(visible, visible.graph.floats(0), visible.graph.floats(MASKED));
}

/** `[B, S]`: true at the positions below each row's length. */
export function positionsBelow(positions: Value, lengths: Value): Value {
  return op.less(
    op.reshape(positions, [1, positions.shape[0]!], [1, -1]),
    op.reshape(lengths, [lengths.shape[0]!, 1], [-1, 1]),
  );
}
