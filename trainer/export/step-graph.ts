// The student's step as an ONNX model: one incremental pass over new source tokens and newly opened chunks.
import { BLANK_ID } from "../../models/vocabulary.ts";
import { Graph, type Value } from "../graph/graph.ts";
import { serializeModel } from "../graph/onnx.ts";
import * as op from "../graph/ops.ts";
import { noDropout } from "../networks/dropout.ts";
import { embed, embeddingTable, outputLogits, positionTable } from "../networks/embeddings.ts";
import {
  additiveMask,
  type BlockContext,
  dense,
  type KeysAndValues,
  norm,
  type RowLayout,
  rowLayout,
  splitHeads,
} from "../networks/layers.ts";
import { Parameters, type Weights } from "../networks/parameters.ts";
import type { StudentArchitecture } from "../networks/student.ts";
import { decoderLayer, encoderLayer } from "../networks/transformer.ts";
import { orderedAttention } from "./ordered-attention.ts";
import { rowwiseInt8Product } from "./quantize.ts";

// B rows (sessions), N new source tokens, M new chunks, λ slots a chunk, P past source positions, Q past slots,
// D width, H heads, dh head width, V vocabulary.

export type Precision = "fp32" | "int8";

export interface StepGraphOptions {
  readonly precision: Precision;
  /** Taken from the blank's logit: above 0 fewer slots stay blank (against under-generation). */
  readonly blankBias: number;
}

/** Floats a source position keeps: keys and values of the encoder's self-attention and the decoder's cross-attention. */
export const sourceStateWidth = (sizes: StudentArchitecture): number =>
  2 * sizes.width * (sizes.encoderLayers + sizes.decoderLayers);

/** Floats a slot keeps: keys and values of the decoder's self-attention. */
export const slotStateWidth = (sizes: StudentArchitecture): number => 2 * sizes.width * sizes.decoderLayers;

/** A key behind every query: what padding in the past is numbered with. */
const NEVER = 1 << 30;

/** Bytes of the step model; its inputs and outputs are those of models/step-signature.ts. */
export function stepModel(architecture: StudentArchitecture, weights: Weights, options: StepGraphOptions): Uint8Array {
  const graph = new Graph();
  const parameters = new Parameters(graph, withBlankBias(weights, options.blankBias));
  const product = options.precision === "int8" ? rowwiseInt8Product() : undefined;
  const context: BlockContext = { ...architecture, parameters, dropout: noDropout, product, attend: orderedAttention };
  const { width, slotsPerToken, vocabulary, maxPositions } = architecture;
  const rowInts = (name: string) => graph.input(name, "int64", ["B"]);

  const tokens = graph.input("tokens", "int64", ["B", "N"]);
  const tokenCounts = rowInts("token_counts");
  const chunkTokens = graph.input("chunk_tokens", "int64", ["B", "M"]);
  rowInts("chunk_counts"); // of the signature; padding stands behind every real chunk, so the masks need no count
  const sourceLengths = perRow(rowInts("source_lengths"));
  const chunkLengths = perRow(rowInts("chunk_lengths"));
  const waits = perRow(rowInts("waits"));
  const sourceState = graph.input("source_state", "float32", ["B", "P", sourceStateWidth(architecture)]);
  const slotState = graph.input("slot_state", "float32", ["B", "Q", slotStateWidth(architecture)]);

  const table = embeddingTable(context, vocabulary);
  const places = positionTable(graph, maxPositions, width);
  const newTokens = rowLayout(tokens);
  const positions = op.add(sourceLengths, ascending(tokens, 1, "N")); // [B, N], absolute
  const pastPositions = ascending(sourceState, 1, "P");
  const pastKeys = op.where(op.less(pastPositions, sourceLengths), pastPositions, graph.ints(NEVER)); // [B, P]
  const keyPositions = op.concat([pastKeys, positions], 1, "P+N"); // [B, P+N]

  const past = heads(context, sourceState, "P");
  const fresh: Value[] = [];
  const grown = (
    normed: Value,
    name: string,
    layout: RowLayout,
    keyDim: string,
    pasts: Value[],
    into: Value[],
  ): KeysAndValues => {
    const [keys, values] = (["key", "value"] as const).map((part) => {
      const rows = dense(context, `${name}.${part}`, normed, width, width);
      into.push(
        op.reshape(rows, [layout.batch, layout.length, width], op.concat([layout.sizes, graph.ints([width])], 0)),
      );
      return op.concat([pasts.shift()!, splitHeads(context, rows, layout)], 2, keyDim);
    });
    return { keys: keys!, values: values! };
  };
  const read = visibleMask(op.lessOrEqual(keysOf(keyPositions, "P+N"), queriesOf(positions, "N")));
  let x = op.add(
    embed(context, table, tokens, newTokens.rows),
    placesOf(places, positions, maxPositions, newTokens.rows),
  );
  for (let layer = 0; layer < architecture.encoderLayers; layer += 1) {
    const name = `encoder.${layer}`;
    x = encoderLayer(
      context,
      name,
      x,
      newTokens,
      (normed) => grown(normed, `${name}.self`, newTokens, "P+N", past, fresh),
      read,
    );
  }
  const states = norm(context, "encoder.norm", x);

  const chunkNumbers = op.add(chunkLengths, ascending(chunkTokens, 1, "M")); // [B, M], absolute
  const spread = (chunks: Value) => eachSlot(chunks, slotsPerToken); // [B, M] → [B, M·λ]
  const slotChunks = spread(chunkNumbers);
  const pastSlots = ascending(slotState, 1, "Q");
  const pastChunks = op.div(pastSlots, slotsPerToken);
  const pastChunkKeys = op.where(op.less(pastChunks, chunkLengths), pastChunks, graph.ints(NEVER)); // [B, Q]
  const chunkKeys = op.concat([pastChunkKeys, slotChunks], 1, "Q+T"); // [B, Q+T]
  const slotIds = spread(chunkTokens);
  const newSlots = rowLayout(slotIds);
  const slotNumbers = op.sub(
    ascending(slotIds, 1, "T"),
    op.mul(op.div(ascending(slotIds, 1, "T"), slotsPerToken), slotsPerToken),
  );
  const slotTable = parameters.get("slots", [slotsPerToken, width], { normal: 0.02 });
  const slotPlaces = op.gather(
    slotTable,
    op.reshape(op.expand(slotNumbers, ["B", "T"], newSlots.sizes), [newSlots.rows], [-1]),
  );
  let y = op.add(
    embed(context, table, slotIds, newSlots.rows),
    op.add(placesOf(places, slotChunks, maxPositions, newSlots.rows), slotPlaces),
  );
  const readSoFar = op.less(keysOf(keyPositions, "P+N"), queriesOf(op.add(slotChunks, waits), "T"));
  const present = op.less(keyPositions, op.add(sourceLengths, perRow(tokenCounts))); // [B, P+N]
  const masks = {
    self: visibleMask(op.lessOrEqual(keysOf(chunkKeys, "Q+T"), queriesOf(slotChunks, "T"))),
    cross: visibleMask(op.and(readSoFar, keysOf(present, "P+N"))),
  };
  const slotPast = heads(context, slotState, "Q");
  const freshSlots: Value[] = [];
  for (let layer = 0; layer < architecture.decoderLayers; layer += 1) {
    const name = `decoder.${layer}`;
    const cross = grown(states, `${name}.cross`, newTokens, "P+N", past, fresh);
    const self = (normed: Value) => grown(normed, `${name}.self`, newSlots, "Q+T", slotPast, freshSlots);
    y = decoderLayer(context, name, y, { self: newSlots, cross: newSlots }, self, cross, masks);
  }
  const logits = outputLogits(context, table, norm(context, "decoder.norm", y), vocabulary); // [B·T, V]
  const byRow = (value: Value) => op.reshape(value, ["B", "T"], newSlots.sizes);
  return serializeModel(graph, {
    slot_ids: byRow(op.argMax(logits)),
    slot_scores: byRow(op.log(op.reduceMax(op.softmax(logits), [1]))),
    new_source_state: op.concat(fresh, 2),
    new_slot_state: op.concat(freshSlots, 2),
  });
}

const perRow = (values: Value): Value => op.reshape(values, ["B", 1], [-1, 1]);
const keysOf = (values: Value, dim: string): Value => op.reshape(values, ["B", 1, 1, dim], [0, 1, 1, -1]);
const queriesOf = (values: Value, dim: string): Value => op.reshape(values, ["B", 1, dim, 1], [0, 1, -1, 1]);
const visibleMask = (visible: Value): Value => additiveMask(visible);

/** 0, 1, 2 … along `axis` of `like`, as `[1, length]`. */
function ascending(like: Value, axis: number, dim: string): Value {
  const length = op.reshape(op.shapeOf(like, axis, axis + 1), [], []);
  return op.reshape(op.range(0, length, dim), [1, dim], [1, -1]);
}

/** Each chunk's value once for each of its slots: `[B, M]` → `[B, T]`, T = M·λ. */
function eachSlot(chunks: Value, slots: number): Value {
  const wide = op.reshape(chunks, ["B", "M", 1], op.concat([op.shapeOf(chunks), chunks.graph.ints([1])], 0));
  const target = op.concat([op.shapeOf(chunks), chunks.graph.ints([slots])], 0);
  return op.reshape(
    op.expand(wide, ["B", "M", slots], target),
    ["B", "T"],
    op.mul(op.shapeOf(chunks), chunks.graph.ints([1, slots])),
  );
}

/** Rows of the position table; padding may stand past its end and is held inside. */
function placesOf(table: Value, positions: Value, maxPositions: number, rows: string): Value {
  return op.gather(table, op.reshape(op.minimum(positions, maxPositions - 1), [rows], [-1]));
}

/** The past `[B, L, parts·D]` as one `[B, H, L, dh]` for each part, in the order in which the layers take them. */
function heads(context: BlockContext, state: Value, length: string): Value[] {
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

function withBlankBias(weights: Weights, blankBias: number): Weights {
  const bias = weights.get("output.bias")?.slice();
  if (!bias) throw new Error("the weights hold no output.bias");
  bias[BLANK_ID]! -= blankBias;
  return new Map(weights).set("output.bias", bias);
}
