// The student's step as an ONNX model: one incremental pass over new source tokens and newly opened chunks.
import { BLANK_ID } from "../../models/vocabulary.ts";
import { Graph, type Value } from "../graph/graph.ts";
import { serializeModel } from "../graph/onnx.ts";
import * as op from "../graph/ops.ts";
import { noDropout } from "../networks/dropout.ts";
import { embed, embeddingTable, outputLogits, positionTable } from "../networks/embeddings.ts";
import { type BlockContext, norm, rowLayout } from "../networks/layers.ts";
import { Parameters, type Weights } from "../networks/parameters.ts";
import type { StudentArchitecture } from "../networks/student.ts";
import { decoderLayer, encoderLayer } from "../networks/transformer.ts";
import {
  ascending,
  grownMemory,
  heads,
  keysOf,
  pastNumbers,
  perRow,
  placesOf,
  queriesOf,
  visibleMask,
} from "./cached-state.ts";
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
  const pastKeys = pastNumbers(ascending(sourceState, 1, "P"), sourceLengths); // [B, P]
  const keyPositions = op.concat([pastKeys, positions], 1, "P+N"); // [B, P+N]

  const past = heads(context, sourceState, "P");
  const fresh: Value[] = [];
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
      (normed) => grownMemory(context, normed, `${name}.self`, newTokens, "P+N", past, fresh),
      read,
    );
  }
  const states = norm(context, "encoder.norm", x);

  const chunkNumbers = op.add(chunkLengths, ascending(chunkTokens, 1, "M")); // [B, M], absolute
  const spread = (chunks: Value) => eachSlot(chunks, slotsPerToken); // [B, M] → [B, M·λ]
  const slotChunks = spread(chunkNumbers);
  const pastSlots = ascending(slotState, 1, "Q");
  const pastChunkKeys = pastNumbers(op.div(pastSlots, slotsPerToken), chunkLengths); // [B, Q]
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
    const cross = grownMemory(context, states, `${name}.cross`, newTokens, "P+N", past, fresh);
    const self = (normed: Value) => grownMemory(context, normed, `${name}.self`, newSlots, "Q+T", slotPast, freshSlots);
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

function withBlankBias(weights: Weights, blankBias: number): Weights {
  const bias = weights.get("output.bias")?.slice();
  if (!bias) throw new Error("the weights hold no output.bias");
  bias[BLANK_ID]! -= blankBias;
  return new Map(weights).set("output.bias", bias);
}
