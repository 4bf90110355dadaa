// The autoregressive encoder-decoder Transformer, pre-norm, embeddings tied: the teacher, and with lags a student.
import type { Value } from "../graph/graph.ts";
import * as op from "../graph/ops.ts";
import { addPositions, embed, embeddingTable, outputLogits, positionTable } from "./embeddings.ts";
import {
  additiveMask,
  attention,
  type BlockContext,
  feedForward,
  type KeysAndValues,
  keysAndValues,
  norm,
  positionsBelow,
  type RowLayout,
  residual,
  rowLayout,
} from "./layers.ts";

// B sentences, S source positions, U target positions, D width, V vocabulary.

/** Sizes of a network; the same names stand in recipes, checkpoints and bundles. */
export interface Architecture {
  readonly width: number;
  readonly heads: number;
  readonly feedForward: number;
  readonly encoderLayers: number;
  readonly decoderLayers: number;
  readonly vocabulary: number;
  /** The longest sequence that positions are defined for, in tokens (slots count by chunk). */
  readonly maxPositions: number;
}

/** Which earlier or later positions a position of the encoder sees. */
export type EncoderDirection = "bidirectional" | "causal";

/** `[1, 1, S, S]`: key position ≤ query position. */
export function causalMask(positions: Value, length: string): Value {
  const query = op.reshape(positions, [1, 1, length, 1], [1, 1, -1, 1]);
  const key = op.reshape(positions, [1, 1, 1, length], [1, 1, 1, -1]);
  return op.lessOrEqual(key, query);
}

export const positionsOf = (layout: RowLayout): Value =>
  op.range(0, op.reshape(op.slice(layout.sizes, 0, 1, 2), [], []), layout.length);

/** `[B, 1, 1, S]`: true where a position holds a token. */
export function keyPadding(positions: Value, lengths: Value, layout: RowLayout): Value {
  return op.reshape(positionsBelow(positions, lengths), [layout.batch, 1, 1, layout.length], [0, 1, 1, -1]);
}

/**
 * Encodes ids `[B, S]`.
 * @returns the normalised states as rows `[B·S, D]`.
 */
export function encode(
  context: BlockContext,
  architecture: Architecture,
  source: Value,
  lengths: Value,
  direction: EncoderDirection,
): { states: Value; layout: RowLayout } {
  const layout = rowLayout(source);
  const table = embeddingTable(context, architecture.vocabulary);
  const positions = positionsOf(layout);
  const padding = keyPadding(positions, lengths, layout);
  const visible = direction === "causal" ? op.and(padding, causalMask(positions, layout.length)) : padding;
  const mask = additiveMask(visible);
  const places = positionTable(source.graph, architecture.maxPositions, architecture.width);
  let x = addPositions(embed(context, table, source, layout.rows), places, layout, architecture.width);
  x = context.dropout.apply(x);
  for (let layer = 0; layer < architecture.encoderLayers; layer += 1) {
    const name = `encoder.${layer}`;
    const self = (normed: Value) => keysAndValues(context, `${name}.self`, normed, layout);
    x = encoderLayer(context, name, x, layout, self, mask);
  }
  return { states: norm(context, "encoder.norm", x), layout };
}

/** One pre-norm encoder layer: self-attention, feed-forward. */
export function encoderLayer(
  context: BlockContext,
  name: string,
  x: Value,
  layout: RowLayout,
  selfMemory: (normed: Value) => KeysAndValues,
  mask: Value,
): Value {
  const normed = norm(context, `${name}.self.norm`, x);
  const y = residual(context, x, attention(context, `${name}.self`, normed, layout, selfMemory(normed), mask));
  return residual(context, y, feedForward(context, `${name}.feed`, norm(context, `${name}.feed.norm`, y)));
}

/**
 * One pre-norm decoder layer: self-attention, cross-attention, feed-forward. Both layouts describe the same rows; in
 * beam search the beams of a sentence are positions of one row for the cross-attention, so that they share its memory.
 */
export function decoderLayer(
  context: BlockContext,
  name: string,
  x: Value,
  layouts: { self: RowLayout; cross: RowLayout },
  selfMemory: (normed: Value) => KeysAndValues,
  crossMemory: KeysAndValues,
  masks: { self: Value; cross: Value },
): Value {
  const normed = norm(context, `${name}.self.norm`, x);
  let y = residual(
    context,
    x,
    attention(context, `${name}.self`, normed, layouts.self, selfMemory(normed), masks.self),
  );
  const queries = norm(context, `${name}.cross.norm`, y);
  y = residual(context, y, attention(context, `${name}.cross`, queries, layouts.cross, crossMemory, masks.cross));
  return residual(context, y, feedForward(context, `${name}.feed`, norm(context, `${name}.feed.norm`, y)));
}

/** `[B, 1, U, S]`: target position u sees source positions < u + wait (wait-k, Ma et al. 2019, equation 5). */
export function waitMask(target: RowLayout, source: RowLayout, waits: Value): Value {
  const query = op.reshape(positionsOf(target), [1, 1, target.length, 1], [1, 1, -1, 1]);
  const key = op.reshape(positionsOf(source), [1, 1, 1, source.length], [1, 1, 1, -1]);
  return op.less(key, op.add(query, op.reshape(waits, [source.batch, 1, 1, 1], [-1, 1, 1, 1])));
}

/**
 * The training pass: `targetIn [B, U]` starts with `<s>`.
 * @param waits int64 `[B]`: with it the encoder is causal, and target position u sees source positions < u + wait only.
 * A lag for each row (Elbayad et al. 2020, multi-path) makes one model for all of them.
 * @returns logits `[B·U, V]`; row b·U + u predicts the target token that follows targetIn[b, u].
 */
export function teacherForcedLogits(
  context: BlockContext,
  architecture: Architecture,
  source: Value,
  sourceLengths: Value,
  targetIn: Value,
  waits?: Value,
): Value {
  const encoded = encode(context, architecture, source, sourceLengths, waits ? "causal" : "bidirectional");
  const layout = rowLayout(targetIn);
  const table = embeddingTable(context, architecture.vocabulary);
  const positions = positionsOf(layout);
  const present = keyPadding(positionsOf(encoded.layout), sourceLengths, encoded.layout);
  const read = waits ? op.and(present, waitMask(layout, encoded.layout, waits)) : present;
  const masks = {
    self: additiveMask(causalMask(positions, layout.length)), // padding stands behind every real position
    cross: additiveMask(read),
  };
  const places = positionTable(source.graph, architecture.maxPositions, architecture.width);
  let x = addPositions(embed(context, table, targetIn, layout.rows), places, layout, architecture.width);
  x = context.dropout.apply(x);
  for (let layer = 0; layer < architecture.decoderLayers; layer += 1) {
    const name = `decoder.${layer}`;
    const cross = keysAndValues(context, `${name}.cross`, encoded.states, encoded.layout);
    const self = (normed: Value) => keysAndValues(context, `${name}.self`, normed, layout);
    x = decoderLayer(context, name, x, { self: layout, cross: layout }, self, cross, masks);
  }
  return outputLogits(context, table, norm(context, "decoder.norm", x), architecture.vocabulary);
}
