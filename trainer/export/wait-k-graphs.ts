// The autoregressive student as two ONNX models: one reads new source tokens, one writes the next target token.

import type { ReadWriteWidths } from "../../models/read-write-signature.ts";
import { EOS_ID, SPECIAL_TOKENS } from "../../models/vocabulary.ts";
import { targetLimit } from "../../models/wait-k-decoder.ts";
import { Graph } from "../graph/graph.ts";
import { serializeModel } from "../graph/onnx.ts";
import * as op from "../graph/ops.ts";
import { noDropout } from "../networks/dropout.ts";
import { embed, embeddingTable, outputLogits, positionTable } from "../networks/embeddings.ts";
import { type BlockContext, norm, rowLayout } from "../networks/layers.ts";
import { Parameters, type Weights } from "../networks/parameters.ts";
import { type Architecture, decoderLayer, encoderLayer } from "../networks/transformer.ts";
import {
  ascending,
  freshRows,
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
import type { Precision } from "./step-graph.ts";

// B rows (sessions), N new source tokens, P past source positions, Q past target tokens, D width, H heads, dh head width,
// V vocabulary.

/** Floats that each position keeps: keys and values of a layer are 2·D. */
export function readWriteWidths({ width, encoderLayers, decoderLayers }: Architecture): ReadWriteWidths {
  return {
    encoderStateWidth: 2 * width * encoderLayers,
    crossStateWidth: 2 * width * decoderLayers,
    targetStateWidth: 2 * width * decoderLayers,
  };
}

function newContext(architecture: Architecture, weights: Weights, precision: Precision): BlockContext {
  const product = precision === "int8" ? rowwiseInt8Product() : undefined;
  const parameters = new Parameters(new Graph(), weights);
  return { ...architecture, parameters, dropout: noDropout, product, attend: orderedAttention };
}

/** Bytes of read.onnx; its inputs and outputs are those of models/read-write-signature.ts. */
export function readModel(architecture: Architecture, weights: Weights, precision: Precision): Uint8Array {
  const context = newContext(architecture, weights, precision);
  const { graph } = context.parameters;
  const { width, vocabulary, maxPositions } = architecture;
  const tokens = graph.input("tokens", "int64", ["B", "N"]);
  const sourceLengths = perRow(graph.input("source_lengths", "int64", ["B"]));
  const state = graph.input("encoder_state", "float32", ["B", "P", readWriteWidths(architecture).encoderStateWidth]);

  const layout = rowLayout(tokens);
  const positions = op.add(sourceLengths, ascending(tokens, 1, "N")); // [B, N], absolute
  const pastKeys = pastNumbers(ascending(state, 1, "P"), sourceLengths); // [B, P]
  const keyPositions = op.concat([pastKeys, positions], 1, "P+N"); // padded tokens stand behind every real one
  const mask = visibleMask(op.lessOrEqual(keysOf(keyPositions, "P+N"), queriesOf(positions, "N")));
  const past = heads(context, state, "P");
  const fresh: (typeof tokens)[] = [];
  let x = op.add(
    embed(context, embeddingTable(context, vocabulary), tokens, layout.rows),
    placesOf(positionTable(graph, maxPositions, width), positions, maxPositions, layout.rows),
  );
  for (let layer = 0; layer < architecture.encoderLayers; layer += 1) {
    const name = `encoder.${layer}`;
    const self = (normed: typeof x) => grownMemory(context, normed, `${name}.self`, layout, "P+N", past, fresh);
    x = encoderLayer(context, name, x, layout, self, mask);
  }
  const states = norm(context, "encoder.norm", x);
  const cross: (typeof tokens)[] = [];
  for (let layer = 0; layer < architecture.decoderLayers; layer += 1) {
    for (const part of ["key", "value"]) freshRows(context, states, `decoder.${layer}.cross.${part}`, layout, cross);
  }
  return serializeModel(graph, { new_encoder_state: op.concat(fresh, 2), new_cross_state: op.concat(cross, 2) });
}

/** Bytes of write.onnx. Of the special tokens it writes none but `</s>`. */
export function writeModel(architecture: Architecture, weights: Weights, precision: Precision): Uint8Array {
  const context = newContext(architecture, withoutSpecialTokens(weights), precision);
  const { graph } = context.parameters;
  const { width, vocabulary } = architecture;
  const widths = readWriteWidths(architecture);
  const tokens = graph.input("target_tokens", "int64", ["B", 1]);
  const targetLengths = perRow(graph.input("target_lengths", "int64", ["B"]));
  const visibleLengths = perRow(graph.input("visible_lengths", "int64", ["B"]));
  const crossState = graph.input("cross_state", "float32", ["B", "P", widths.crossStateWidth]);
  const targetState = graph.input("target_state", "float32", ["B", "Q", widths.targetStateWidth]);

  const layout = { batch: "B", length: "one", sizes: op.shapeOf(tokens), rows: "B" };
  const pastKeys = pastNumbers(ascending(targetState, 1, "Q"), targetLengths); // [B, Q]
  const keys = op.concat([pastKeys, targetLengths], 1, "Q+1"); // [B, Q+1]
  const sourceKeys = pastNumbers(ascending(crossState, 1, "P"), visibleLengths); // [B, P]
  const masks = {
    self: visibleMask(op.lessOrEqual(keysOf(keys, "Q+1"), queriesOf(targetLengths, "one"))),
    cross: visibleMask(op.less(keysOf(sourceKeys, "P"), queriesOf(visibleLengths, "one"))),
  };
  const past = heads(context, targetState, "Q");
  const memory = heads(context, crossState, "P");
  const fresh: (typeof tokens)[] = [];
  const table = embeddingTable(context, vocabulary);
  const limit = targetLimit(architecture.maxPositions); // positions are a formula: a longer table changes none of them
  let x = op.add(
    embed(context, table, tokens, "B"),
    placesOf(positionTable(graph, limit, width), targetLengths, limit, "B"),
  );
  for (let layer = 0; layer < architecture.decoderLayers; layer += 1) {
    const name = `decoder.${layer}`;
    const cross = { keys: memory.shift()!, values: memory.shift()! };
    const self = (normed: typeof x) => grownMemory(context, normed, `${name}.self`, layout, "Q+1", past, fresh);
    x = decoderLayer(context, name, x, { self: layout, cross: layout }, self, cross, masks);
  }
  const logits = outputLogits(context, table, norm(context, "decoder.norm", x), vocabulary); // [B, V]
  const byRow = (value: typeof x) => op.reshape(value, ["B", 1], [-1, 1]);
  return serializeModel(graph, {
    target_ids: byRow(op.argMax(logits)),
    target_scores: byRow(op.log(op.reduceMax(op.softmax(logits), [1]))),
    new_target_state: op.concat(fresh, 2),
  });
}

const FORBIDDEN = -1e9;

function withoutSpecialTokens(weights: Weights): Weights {
  const bias = weights.get("output.bias")?.slice();
  if (!bias) throw new Error("the weights hold no output.bias");
  for (let id = 0; id < SPECIAL_TOKENS.length; id += 1) if (id !== EOS_ID) bias[id] = FORBIDDEN;
  return new Map(weights).set("output.bias", bias);
}
