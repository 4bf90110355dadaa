// Token embeddings, tied with the output projection (Press & Wolf 2017), and sinusoidal positions (Vaswani et al. 2017).
import type { Graph, Value } from "../graph/graph.ts";
import * as op from "../graph/ops.ts";
import type { BlockContext, RowLayout } from "./layers.ts";

/** The joint embedding table `[V, D]`, the same for source, target and output. */
export function embeddingTable(context: BlockContext, vocabulary: number): Value {
  const initial = { normal: context.width ** -0.5 };
  return context.parameters.get("embedding", [vocabulary, context.width], initial);
}

/** Rows of embeddings for ids of any shape, scaled by √D. */
export function embed(context: BlockContext, table: Value, ids: Value, rows: string): Value {
  const flat = op.reshape(ids, [rows], [-1]);
  return op.mul(op.gather(table, flat), Math.sqrt(context.width)); // [N, D]
}

/** A constant table of `count` sinusoidal positions `[count, D]`. */
export function positionTable(graph: Graph, count: number, width: number): Value {
  const table = new Float32Array(count * width);
  for (let position = 0; position < count; position += 1) {
    for (let pair = 0; pair < width / 2; pair += 1) {
      const angle = position / 10000 ** ((2 * pair) / width);
      table[position * width + pair] = Math.sin(angle);
      table[position * width + width / 2 + pair] = Math.cos(angle);
    }
  }
  return graph.constant(table, [count, width]);
}

/** `x` rows plus the positions 0 … S-1 of each sentence. */
export function addPositions(x: Value, table: Value, layout: RowLayout, width: number): Value {
  const positions = op.slice(table, 0, 0, op.slice(layout.sizes, 0, 1, 2), layout.length); // [S, D]
  const shaped = op.reshape(
    x,
    [layout.batch, layout.length, width],
    op.concat([layout.sizes, x.graph.ints([width])], 0),
  );
  return op.reshape(op.add(shaped, positions), [layout.rows, width], [-1, width]);
}

/** Logits `[N, V]` by the tied table, with a bias per vocabulary entry. */
export function outputLogits(context: BlockContext, table: Value, x: Value, vocabulary: number): Value {
  const bias = context.parameters.get("output.bias", [vocabulary], { constant: 0 });
  return (context.product ?? op.linear)(x, table, bias, true);
}
