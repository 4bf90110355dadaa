// The student's step as an ONNX model: one incremental pass over new source tokens and newly opened chunks.
import { attentionGroups } from "../../models/attention-groups.ts";
import type { BundleManifest } from "../../models/manifest.ts";
import { stepSignature } from "../../models/step-signature.ts";
import { BLANK_ID } from "../../models/vocabulary.ts";
import { Graph, type Value } from "../graph/graph.ts";
import { serializeModel } from "../graph/onnx.ts";
import * as op from "../graph/ops.ts";
import { positionTable } from "../networks/embeddings.ts";
import type { Weights } from "../networks/parameters.ts";
import type { StudentArchitecture } from "../networks/student.ts";
import { limitMask, PagedAttention, type Places, seen } from "./paged-attention.ts";
import { floatProduct, int8RowProduct, sideBySide, turned } from "./row-product.ts";
import { StepLayers, type Stream } from "./step-layers.ts";

// B rows (sessions), X new source tokens and Y new slots of all rows, N and T those of the row that has most, λ slots a
// chunk, S source positions and Q slots that a row sees, D width, V vocabulary.

export type Precision = "fp32" | "int8";

export interface StepGraphOptions {
  readonly precision: Precision;
  /** Taken from the blank's logit: above 0 fewer slots stay blank (against under-generation). */
  readonly blankBias: number;
}

/**
 * What a manifest says of a student's step graph. A source position keeps keys and values of the encoder's self-attention
 * and of the decoder's cross-attention, a slot those of the decoder's self-attention.
 */
export function stepDescription(sizes: StudentArchitecture): NonNullable<BundleManifest["step"]> {
  const { width, heads, encoderLayers, decoderLayers } = sizes;
  const sourceStateWidth = 2 * width * (encoderLayers + decoderLayers);
  const slotStateWidth = 2 * width * decoderLayers;
  return { sourceStateWidth, slotStateWidth, ...stepSignature({ width, heads, sourceStateWidth, slotStateWidth }) };
}

/** Rows are padded to a multiple of 16 positions (models/step-batch.ts), and may need one more than the model has. */
const PADDING = 32;

/** Bytes of the step model; its inputs and outputs are those of models/step-signature.ts. */
export function stepModel(architecture: StudentArchitecture, weights: Weights, options: StepGraphOptions): Uint8Array {
  const graph = new Graph();
  const product = options.precision === "int8" ? int8RowProduct(graph) : floatProduct;
  const layers = new StepLayers(graph, weights, architecture, product);
  const { width, slotsPerToken, vocabulary, maxPositions, encoderLayers, decoderLayers } = architecture;
  const { groups } = attentionGroups(architecture);
  const inputs = declareInputs(graph, architecture);
  const input = (name: string): Value => inputs.get(name)!;
  const placesOf = (prefix: string, rows: string): Places => ({
    rows,
    places: op.cast(input(`${prefix}places`), "int64"),
    pages: input(`${prefix}pages`),
    queries: input(`${prefix}queries`),
    answers: input(`${prefix}answers`),
  });
  const source = placesOf("", "X");
  const slots = placesOf("slot_", "Y");
  const longestSource = maxPositions + PADDING;
  const readMask = limitMask(input("limits"), source.pages, longestSource);
  const crossMask = limitMask(input("read_limits"), source.pages, longestSource);
  const slotMask = limitMask(input("slot_limits"), slots.pages, maxPositions * slotsPerToken + PADDING);

  const table = layers.values("embedding");
  const tableValue = graph.constant(table, [vocabulary, width]);
  const positions = positionTable(graph, maxPositions, width);
  const embedded = (ids: Value) => op.mul(op.gather(tableValue, ids), Math.sqrt(width));
  const attention = new PagedAttention(graph, architecture);
  const freshSource: Value[] = [];
  const freshSlots: Value[] = [];
  let sourceParts = 0;
  let slotParts = 0;
  /** Keys or values that a row sees of the source; what is new goes into its state. */
  const ofSource = (fresh: Value) => {
    freshSource.push(fresh);
    return seen(input("source_memory"), sourceParts++, source, fresh, groups);
  };
  const ofSlots = (fresh: Value) => {
    freshSlots.push(fresh);
    return seen(input("slot_memory"), slotParts++, slots, fresh, groups);
  };
  const self = (name: string, normed: Value, grown: (fresh: Value) => Value, mask: Value, at: Places) => {
    const parts = [layers.queryMatrix(name), layers.matrix(`${name}.key`), layers.matrix(`${name}.value`)];
    const [query, key, value] = op.splitLast(layers.product(normed, sideBySide(parts)), 3);
    const [keys, values] = [grown(key!), grown(value!)];
    return layers.attended(name, attention.apply(layers.queries(name, query!), keys, values, mask, at));
  };

  let x: Stream = { sum: embedded(input("tokens")), addend: op.gather(positions, input("positions")) };
  for (let layer = 0; layer < encoderLayers; layer += 1) {
    const name = `encoder.${layer}`;
    const { normed, sum } = layers.norm(`${name}.self.norm`, x);
    const attended = layers.norm(`${name}.feed.norm`, {
      sum,
      ...self(`${name}.self`, normed, ofSource, readMask, source),
    });
    x = { sum: attended.sum, ...layers.feedForward(`${name}.feed`, attended.normed) };
  }
  const states = layers.norm("encoder.norm", x).normed;
  const crossNames = Array.from({ length: decoderLayers }, (_, layer) =>
    ["key", "value"].map((part) => `decoder.${layer}.cross.${part}`),
  ).flat();
  // the source as every decoder layer sees it, in one product
  const crossProduct = layers.product(states, sideBySide(crossNames.map((name) => layers.matrix(name)))); // [X, 2·L·D]
  const cross = op.splitLast(crossProduct, crossNames.length).map(ofSource);

  const slotTable = graph.constant(layers.values("slots"), [slotsPerToken, width]);
  const slotPlaces = op.add(op.gather(positions, input("slot_positions")), op.gather(slotTable, input("slot_numbers")));
  let y: Stream = { sum: embedded(input("slot_tokens")), addend: slotPlaces };
  for (let layer = 0; layer < decoderLayers; layer += 1) {
    const name = `decoder.${layer}`;
    const first = layers.norm(`${name}.self.norm`, y);
    const second = layers.norm(`${name}.cross.norm`, {
      sum: first.sum,
      ...self(`${name}.self`, first.normed, ofSlots, slotMask, slots),
    });
    const asked = layers.product(second.normed, layers.queryMatrix(`${name}.cross`));
    const queries = layers.queries(`${name}.cross`, asked);
    const at = { ...slots, pages: source.pages };
    const answers = attention.apply(queries, cross[2 * layer]!, cross[2 * layer + 1]!, crossMask, at);
    const third = layers.norm(`${name}.feed.norm`, { sum: second.sum, ...layers.attended(`${name}.cross`, answers) });
    y = { sum: third.sum, ...layers.feedForward(`${name}.feed`, third.normed) };
  }
  const last = layers.norm("decoder.norm", y).normed;
  const output = turned({ values: table, inWidth: vocabulary, outWidth: width });
  const logits = layers.biased(layers.product(last, output), biasWithBlank(layers, options.blankBias)); // [Y, V]
  return serializeModel(graph, {
    ...best(logits, vocabulary),
    new_source_state: op.concat(freshSource, 1),
    new_slot_state: op.concat(freshSlots, 1),
  });
}

function declareInputs(graph: Graph, architecture: StudentArchitecture): Map<string, Value> {
  const { inputs } = stepDescription(architecture);
  return new Map(inputs.map(({ name, type, shape }) => [name, graph.input(name, type, shape)]));
}

/** The likeliest id of each slot, and its probability, both `[Y]`. */
function best(logits: Value, vocabulary: number): { slot_ids: Value; slot_probabilities: Value } {
  const { graph } = logits;
  const ids =
    blockSize(vocabulary) > 1 ? argMaxByBlocks(logits, vocabulary) : op.reshape(op.argMax(logits), ["Y", 1], [-1, 1]);
  const probabilities = op.gatherElements(op.softmax(logits), ids, 1); // [Y, 1]
  const flat = (value: Value) => op.reshape(value, ["Y"], graph.ints([-1]));
  return { slot_ids: flat(op.cast(ids, "int32")), slot_probabilities: flat(probabilities) };
}

/** The first place of the largest, `[Y, 1]`: ArgMax looks at one number after the other, ReduceMax at many at once. */
function argMaxByBlocks(logits: Value, vocabulary: number): Value {
  const { graph } = logits;
  const size = blockSize(vocabulary);
  const count = vocabulary / size;
  const blocks = op.reshape(logits, ["Y", count, size], [-1, count, size]);
  const block = op.reshape(op.argMax(op.reduceMax(blocks, [2])), ["Y", 1], [-1, 1]);
  const [chosen] = graph.node("GatherND", [blocks, block], [{ type: "float32", shape: ["Y", size] }], {
    batch_dims: 1,
  });
  const place = op.reshape(op.argMax(chosen!), ["Y", 1], [-1, 1]);
  return op.add(op.mul(block, size), place);
}

/** The divisor of the vocabulary nearest to its root from above, 1 for a vocabulary that is best looked at whole. */
function blockSize(vocabulary: number): number {
  const root = Math.ceil(Math.sqrt(vocabulary));
  for (let size = root; size <= 8 * root && size < vocabulary; size += 1) if (vocabulary % size === 0) return size;
  return 1;
}

function biasWithBlank(layers: StepLayers, blankBias: number): Float32Array {
  const bias = layers.values("output.bias").slice();
  bias[BLANK_ID]! -= blankBias;
  return bias;
}
