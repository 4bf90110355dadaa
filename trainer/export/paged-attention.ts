// Attention of a step graph over a past that lies in pages of a memory which all segments share.
import { attentionGroups } from "../../models/attention-groups.ts";
import type { Graph, Value } from "../graph/graph.ts";
import * as op from "../graph/ops.ts";

// B rows (sessions), X new positions of all rows, N those of the row that has most, S positions that a row sees, past and
// new, G groups of g heads, gw group width, H heads, dh head width, D width, R rows of the memory.

/** Where the new positions of one side, source or slots, stand and what they see. */
export interface Places {
  /** X or Y. */
  readonly rows: string;
  /** For each new position its row, group and place among what the row sees: int64 `[X, G, 3]`. */
  readonly places: Value;
  /** The memory's rows of what each row sees, for the first part; any for what is new or not there: int32 `[B, G, S]`. */
  readonly pages: Value;
  /** For each row's queries, their groups' numbers among all: int32 `[B, G, N, 1]`. */
  readonly queries: Value;
  /** Where each query's heads come out: int32 `[X, H]`. */
  readonly answers: Value;
}

/** Additive mask `[B, 1, N·g, S]`: 0 below each query's limit, which is int32 `[B, 1, N·g, 1]`. */
export function limitMask(limits: Value, pages: Value, longest: number): Value {
  const { graph } = limits;
  const numbers = graph.constant(
    Int32Array.from({ length: longest }, (_, index) => index),
    [longest],
  );
  const length = op.shapeOf(pages, 2, 3);
  const keys = op.slice(numbers, 0, 0, length, pages.shape[2]!); // [S]
  return op.where(op.less(keys, limits), graph.floats(0), graph.floats(MASKED));
}

const MASKED = -1e9;

/** Keys or values by row and group, `[B, G, S, gw]`: the past's from the memory, then `fresh` `[X, D]` put in its places. */
export function seen(memory: Value, part: number, at: Places, fresh: Value, groups: number): Value {
  const pages = part === 0 ? at.pages : op.add(at.pages, memory.graph.constant(Int32Array.of(part * groups), []));
  const past = op.gather(memory, pages); // [B, G, S, gw]
  const width = fresh.shape[1] as number;
  const rows = op.reshape(fresh, [at.rows, groups, width / groups], [-1, groups, width / groups]);
  // onnxruntime writes in place: nothing else reads what was gathered
  const [all] = memory.graph.node("ScatterND", [past, at.places, rows], [{ type: "float32", shape: past.shape }]);
  return all!;
}

/** Attention for one architecture: what does not change from layer to layer is made once. */
export class PagedAttention {
  readonly #heads: number;
  readonly #width: number;
  readonly #ownHead: Value | undefined;

  constructor(graph: Graph, sizes: { width: number; heads: number }) {
    const { headsPerGroup, groupWidth } = attentionGroups(sizes);
    this.#heads = sizes.heads;
    this.#width = sizes.width;
    const headWidth = groupWidth / headsPerGroup;
    const own = (index: number) =>
      Number(Math.floor(index / groupWidth) === Math.floor((index % groupWidth) / headWidth));
    if (headsPerGroup > 1) {
      const values = Float32Array.from({ length: headsPerGroup * groupWidth }, (_, index) => own(index));
      this.#ownHead = graph.constant(values, [headsPerGroup, groupWidth]);
    }
  }

  /**
   * softmax(q·kᵀ + mask)·v for queries `[X, D]`, scaled already, and keys and values `[B, G, S, gw]`.
   *
   * Each query stands there once for each head of a group, with zeros in the other heads' places, and of each answer
   * only the own head's part is taken. A key has the same place however many were read at once and whatever shares the
   * batch, what is behind a query's limit adds exact zeros, and S is a multiple of 16: so all sums have one order, those
   * of onnxruntime's softmax, which adds in lanes, too.
   */
  apply(queries: Value, keys: Value, values: Value, mask: Value, at: Places): Value {
    const [batch, groups, , groupWidth] = keys.shape as [string, number, string, number];
    const length = at.queries.shape[2]!;
    const rows = op.reshape(queries, [`${groups}*${at.rows}`, groupWidth], [-1, groupWidth]);
    let padded = op.gather(rows, at.queries); // [B, G, N, 1, gw]
    const headsPerGroup = this.#heads / groups;
    if (this.#ownHead) padded = op.mul(padded, this.#ownHead); // [B, G, N, g, gw]
    const wide = headsPerGroup === 1 ? length : `${headsPerGroup}*${length}`;
    const q = op.reshape(padded, [batch, groups, wide, groupWidth], [0, 0, -1, groupWidth]);
    const scores = op.add(op.matMul(q, keys, { transposeRight: true }), mask); // [B, G, N·g, S]
    const all = op.matMul(op.softmax(scores), values); // [B, G, N·g, gw]
    const headWidth = this.#width / this.#heads;
    const parts = op.reshape(all, [`heads of ${at.rows}`, headWidth], [-1, headWidth]);
    return op.reshape(op.gather(parts, at.answers), [at.rows, this.#width], [-1, this.#width]); // [X, D]
  }
}
