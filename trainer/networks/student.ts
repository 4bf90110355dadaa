// The non-autoregressive CTC student: a causal encoder, and λ decoder slots for every source token (DESIGN: after NAST).
import type { Value } from "../graph/graph.ts";
import * as op from "../graph/ops.ts";
import { embed, embeddingTable, outputLogits, positionTable } from "./embeddings.ts";
import { additiveMask, type BlockContext, keysAndValues, norm, type RowLayout } from "./layers.ts";
import { type Architecture, decoderLayer, encode, positionsOf } from "./transformer.ts";

// B sentences, S source positions (</s> included), T = λ·S slots, D width, V vocabulary.

export interface StudentArchitecture extends Architecture {
  /** λ: decoder slots that each source token opens. */
  readonly slotsPerToken: number;
}

/** Slots whose input token is given instead of the source token's embedding (glancing, Qian et al. 2021). */
export interface Glance {
  readonly ids: Value; // int64 [B, T]
  readonly mask: Value; // bool [B, T]
}

/**
 * The training pass over whole sentences.
 * @param waits int64 `[B]`: chunk i sees source positions ≤ i + wait − 1 only.
 * @returns logits `[B·T, V]`.
 */
export function slotLogits(
  context: BlockContext,
  architecture: StudentArchitecture,
  source: Value,
  sourceLengths: Value,
  waits: Value,
  glance?: Glance,
): { logits: Value; layout: RowLayout } {
  const { slotsPerToken, width, vocabulary } = architecture;
  const encoded = encode(context, architecture, source, sourceLengths, "causal");
  const graph = source.graph;
  const batch = op.slice(encoded.layout.sizes, 0, 0, 1);
  const slots = op.mul(op.slice(encoded.layout.sizes, 0, 1, 2), slotsPerToken);
  const layout: RowLayout = { batch: "B", length: "T", sizes: op.concat([batch, slots], 0, 2), rows: "B*T" };
  const table = embeddingTable(context, vocabulary);

  const positions = positionsOf(layout); // [T]
  const chunks = op.div(positions, slotsPerToken); // whole division: the chunk of each slot
  const places = op.gather(positionTable(graph, architecture.maxPositions, width), chunks); // [T, D]
  const slotTable = context.parameters.get("slots", [slotsPerToken, width], { normal: 0.02 });
  const slotPlaces = op.gather(slotTable, op.sub(positions, op.mul(chunks, slotsPerToken)));
  const repeated = op.gather(source, chunks, 1); // [B, T]: each token's id λ times
  const ids = glance ? op.where(glance.mask, glance.ids, repeated) : repeated;
  const embedded = op.reshape(
    embed(context, table, ids, layout.rows),
    ["B", "T", width],
    op.concat([layout.sizes, graph.ints([width])], 0),
  );
  let x = op.reshape(op.add(embedded, op.add(places, slotPlaces)), [layout.rows, width], [-1, width]);
  x = context.dropout.apply(x);

  const masks = slotMasks(chunks, positionsOf(encoded.layout), sourceLengths, waits);
  for (let layer = 0; layer < architecture.decoderLayers; layer += 1) {
    const name = `decoder.${layer}`;
    const cross = keysAndValues(context, `${name}.cross`, encoded.states, encoded.layout);
    const self = (normed: Value) => keysAndValues(context, `${name}.self`, normed, layout);
    x = decoderLayer(context, name, x, { self: layout, cross: layout }, self, cross, masks);
  }
  return { logits: outputLogits(context, table, norm(context, "decoder.norm", x), vocabulary), layout };
}

/** Self-attention: all of a chunk and the chunks before it. Cross-attention: source positions ≤ chunk + wait − 1. */
function slotMasks(chunks: Value, positions: Value, lengths: Value, waits: Value): { self: Value; cross: Value } {
  const chunkOfQuery = op.reshape(chunks, [1, 1, "T", 1], [1, 1, -1, 1]);
  const chunkOfKey = op.reshape(chunks, [1, 1, 1, "T"], [1, 1, 1, -1]);
  const perRow = (values: Value) => op.reshape(values, ["B", 1, 1, 1], [-1, 1, 1, 1]);
  const self = op.lessOrEqual(chunkOfKey, chunkOfQuery); // padded chunks stand behind every real one
  const sourceKey = op.reshape(positions, [1, 1, 1, "S"], [1, 1, 1, -1]);
  const read = op.less(sourceKey, op.add(chunkOfQuery, perRow(waits)));
  const present = op.less(sourceKey, perRow(lengths));
  return { self: additiveMask(self), cross: additiveMask(op.and(read, present)) };
}
