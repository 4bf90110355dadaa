// Attention over a past that is fed in: what the graphs of both kinds of student share.
import type { Value } from "../graph/graph.ts";
import * as op from "../graph/ops.ts";
import {
  additiveMask,
  type BlockContext,
  dense,
  type KeysAndValues,
  type RowLayout,
  splitHeads,
} from "../networks/layers.ts";

// B rows (sessions), L past positions, N new ones, D width, H heads, dh head width.

/** A key behind every query: what padding in the past is numbered with. */
const NEVER = 1 << 30;

export const perRow = (values: Value): Value => op.reshape(values, ["B", 1], [-1, 1]);
export const keysOf = (values: Value, dim: string): Value => op.reshape(values, ["B", 1, 1, dim], [0, 1, 1, -1]);
export const queriesOf = (values: Value, dim: string): Value => op.reshape(values, ["B", 1, dim, 1], [0, 1, -1, 1]);
export const visibleMask = additiveMask;

/** 0, 1, 2 … along `axis` of `like`, as `[1, length]`. */
export function ascending(like: Value, axis: number, dim: string): Value {
  const length = op.reshape(op.shapeOf(like, axis, axis + 1), [], []);
  return op.reshape(op.range(0, length, dim), [1, dim], [1, -1]);
}

/** Numbers of past keys `[1, L]`, as `[B, L]`: padding stands behind every query. */
export function pastNumbers(numbers: Value, lengths: Value): Value {
  return op.where(op.less(numbers, lengths), numbers, numbers.graph.ints(NEVER));
}

/**
 * Keys and values of an attention block: the past's, then those of `x`, whose rows `[B, N, D]` are put into `fresh` too.
 * @param pasts what is left of the past's parts; the two that belong here are taken from its front.
 */
export function grownMemory(
  context: BlockContext,
  x: Value,
  name: string,
  layout: RowLayout,
  keyDim: string,
  pasts: Value[],
  fresh: Value[],
): KeysAndValues {
  const [keys, values] = (["key", "value"] as const).map((part) => {
    const rows = freshRows(context, x, `${name}.${part}`, layout, fresh);
    return op.concat([pasts.shift()!, splitHeads(context, rows, layout)], 2, keyDim);
  });
  return { keys: keys!, values: values! };
}

/** One projection of `x`, as rows; the same `[B, N, D]` goes into `fresh`. */
export function freshRows(context: BlockContext, x: Value, name: string, layout: RowLayout, fresh: Value[]): Value {
  const { width } = context;
  const rows = dense(context, name, x, width, width);
  const sizes = op.concat([layout.sizes, x.graph.ints([width])], 0);
  fresh.push(op.reshape(rows, [layout.batch, layout.length, width], sizes));
  return rows;
}

/** Rows of the position table; padding may stand past its end and is held inside. */
export function placesOf(table: Value, positions: Value, maxPositions: number, rows: string): Value {
  return op.gather(table, op.reshape(op.minimum(positions, maxPositions - 1), [rows], [-1]));
}

/** The past `[B, L, parts·D]` as one `[B, H, L, dh]` for each part, in the order in which the layers take them. */
export function heads(context: BlockContext, state: Value, length: string): Value[] {
  const { width, heads: count } = context;
  const parts = (state.shape[2] as number) / width;
  const size = width / count;
  const sizes = op.concat([op.shapeOf(state, 0, 2), state.graph.ints([parts * count, size])], 0);
  const all = op.transpose(op.reshape(state, ["B", length, parts * count, size], sizes), [0, 2, 1, 3]); // [B, parts·H, L, dh]
  const outputs = Array.from({ length: parts }, () => ({
    type: "float32" as const,
    shape: ["B", count, length, size],
  }));
  return state.graph.node("Split", [all], outputs, { axis: 1, num_outputs: parts });
}
