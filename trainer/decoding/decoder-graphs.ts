// The teacher for decoding, as two graphs: one pass over the source, and one step of the decoder with cached K/V.
import { EOS_ID, SPECIAL_TOKENS } from "../../models/vocabulary.ts";
import { Graph, type Value } from "../graph/graph.ts";
import { serializeModel } from "../graph/onnx.ts";
import * as op from "../graph/ops.ts";
import { noDropout } from "../networks/dropout.ts";
import { embed, embeddingTable, outputLogits, positionTable } from "../networks/embeddings.ts";
import { additiveMask, type BlockContext, keysAndValues, norm, type RowLayout } from "../networks/layers.ts";
import { Parameters, type Weights } from "../networks/parameters.ts";
import { type Architecture, decoderLayer, encode, keyPadding, positionsOf } from "../networks/transformer.ts";

// B sentences, K beams each, R = B·K rows, S source positions, P target positions so far, H heads, dh head width.

export const crossName = (layer: number, part: "key" | "value"): string => `cross.${layer}.${part}`;
export const selfName = (layer: number, part: "key" | "value"): string => `self.${layer}.${part}`;
export const nextName = (name: string): string => `${name}.next`;
const PARTS = ["key", "value"] as const;

/** Without weights the parameters are inputs, for a network whose weights change while it decodes. */
function inferenceContext(graph: Graph, architecture: Architecture, weights: Weights | undefined): BlockContext {
  return { ...architecture, parameters: new Parameters(graph, weights), dropout: noDropout };
}

/** Inputs source `[B, S]`, source_lengths `[B]`; outputs cross.*.key/value `[B, H, S, dh]` and mask `[B, 1, 1, S]`. */
export function encoderModel(architecture: Architecture, weights?: Weights): Uint8Array {
  const graph = new Graph();
  const context = inferenceContext(graph, architecture, weights);
  const source = graph.input("source", "int64", ["B", "S"]);
  const lengths = graph.input("source_lengths", "int64", ["B"]);
  const { states, layout } = encode(context, architecture, source, lengths, "bidirectional");
  const outputs: Record<string, Value> = {
    mask: additiveMask(keyPadding(positionsOf(layout), lengths, layout)),
  };
  for (let layer = 0; layer < architecture.decoderLayers; layer += 1) {
    const memory = keysAndValues(context, `decoder.${layer}.cross`, states, layout);
    outputs[crossName(layer, "key")] = memory.keys;
    outputs[crossName(layer, "value")] = memory.values;
  }
  return serializeModel(graph, outputs);
}

/**
 * One target position for every beam.
 * Inputs: tokens `[R]`, position `[1]`, order `[R]` (the row of the step before that each beam goes on from), keep `[B]`
 * (the sentences that go on), beams `[1]` (K), the caches and the encoder's outputs. Outputs: scores and ids
 * `[R, candidates]` (log-probabilities, best first), the caches and the kept encoder outputs. Without `candidates` the
 * scores are `[R, V]`, one for every id (−∞ for those that are never written), and there are no ids.
 */
export function decoderStepModel(
  architecture: Architecture,
  weights: Weights | undefined,
  candidates?: number,
): Uint8Array {
  const graph = new Graph();
  const context = inferenceContext(graph, architecture, weights);
  const { width, heads, vocabulary, decoderLayers } = architecture;
  const size = width / heads;
  const tokens = graph.input("tokens", "int64", ["R"]);
  const position = graph.input("position", "int64", [1]);
  const order = graph.input("order", "int64", ["R"]);
  const keep = graph.input("keep", "int64", ["B"]);
  const beams = graph.input("beams", "int64", [1]);
  const rows = op.shapeOf(tokens);
  const sentences = op.shapeOf(keep);
  const single: RowLayout = { batch: "R", length: "one", sizes: op.concat([rows, graph.ints([1])], 0, 2), rows: "R" };
  const grouped: RowLayout = { batch: "B", length: "K", sizes: op.concat([sentences, beams], 0, 2), rows: "R" };
  const mask = op.gather(graph.input("mask", "float32", ["Bp", 1, 1, "S"]), keep);
  const outputs: Record<string, Value> = { [nextName("mask")]: mask };

  const table = embeddingTable(context, vocabulary);
  const places = op.gather(positionTable(graph, architecture.maxPositions, width), position); // [1, D]
  let x = op.add(embed(context, table, tokens, "R"), places);
  for (let layer = 0; layer < decoderLayers; layer += 1) {
    const past = PARTS.map((part) => {
      const cache = graph.input(selfName(layer, part), "float32", ["Rp", heads, "P", size]);
      return op.gather(cache, order); // [R, H, P, dh]
    });
    const cross = PARTS.map((part) => {
      const kept = op.gather(graph.input(crossName(layer, part), "float32", ["Bp", heads, "S", size]), keep);
      outputs[nextName(crossName(layer, part))] = kept;
      return kept;
    });
    const self = (normed: Value) => {
      const fresh = keysAndValues(context, `decoder.${layer}.self`, normed, single);
      const keys = op.concat([past[0]!, fresh.keys], 2, "P+1");
      const values = op.concat([past[1]!, fresh.values], 2, "P+1");
      outputs[nextName(selfName(layer, "key"))] = keys;
      outputs[nextName(selfName(layer, "value"))] = values;
      return { keys, values };
    };
    const layouts = { self: single, cross: grouped };
    x = decoderLayer(
      context,
      `decoder.${layer}`,
      x,
      layouts,
      self,
      { keys: cross[0]!, values: cross[1]! },
      {
        self: graph.floats(0), // every position of the cache is an earlier one
        cross: mask,
      },
    );
  }
  const logits = outputLogits(context, table, norm(context, "decoder.norm", x), vocabulary);
  const allowed = op.add(logits, graph.constant(forbiddenBias(vocabulary), [vocabulary]));
  const probabilities = op.softmax(allowed); // [R, V]
  if (candidates === undefined) return serializeModel(graph, { scores: op.log(probabilities), ...outputs });
  const [scores, ids] = op.topK(op.log(op.maximum(probabilities, 1e-37)), candidates);
  return serializeModel(graph, { scores: scores!, ids: ids!, ...outputs });
}

/** Of the special tokens only `</s>` is ever written. */
function forbiddenBias(vocabulary: number): Float32Array {
  return Float32Array.from({ length: vocabulary }, (_, id) => (id < SPECIAL_TOKENS.length && id !== EOS_ID ? -1e9 : 0));
}

/** How many ids a hypothesis may consist of, `</s>` included. */
export const writableIds = (vocabulary: number): number => vocabulary - SPECIAL_TOKENS.length + 1;
