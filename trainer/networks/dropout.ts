// Dropout whose random state is one number a step: masks are cut from a fixed pool at offsets drawn from seed and step.
import type { Graph, Value } from "../graph/graph.ts";
import * as op from "../graph/ops.ts";
import { Random } from "../random.ts";

export interface Dropout {
  apply(x: Value): Value;
}

/** Inference: nothing is dropped. */
export const noDropout: Dropout = { apply: (x) => x };

export const DROPOUT_POOL = "dropout_pool";
export const DROPOUT_OFFSETS = "dropout_offsets";

/**
 * ONNX's own Dropout keeps its random state inside the session, where it can be neither saved nor restored; a run that
 * is resumed would see other masks. Cutting them from a pool costs one copy and is exact.
 */
export class PooledDropout implements Dropout {
  readonly #pool: Value;
  readonly #offsets: Value;
  readonly #sizes = new Map<string, Value>();
  #sites = 0;

  constructor(graph: Graph) {
    this.#pool = graph.input(DROPOUT_POOL, "float32", ["pool"]);
    this.#offsets = graph.input(DROPOUT_OFFSETS, "int64", ["sites"]);
  }

  /** How many offsets a step needs. */
  get sites(): number {
    return this.#sites;
  }

  apply(x: Value): Value {
    const key = x.shape.join(",");
    let size = this.#sizes.get(key);
    if (!size) {
      const dims = op.shapeOf(x);
      size = x.graph.node("ReduceProd", [dims], [{ type: "int64", shape: [1] }], { keepdims: 1 })[0]!;
      this.#sizes.set(key, size);
    }
    const start = op.slice(this.#offsets, 0, this.#sites, this.#sites + 1);
    this.#sites += 1;
    const mask = op.slice(this.#pool, 0, start, op.add(start, size), key);
    return op.mul(x, op.reshape(mask, x.shape, op.shapeOf(x)));
  }
}

/** Values 0 and 1/(1 - rate), drawn once from the seed. `size` bounds offset plus the largest activation. */
export function dropoutPool(rate: number, size: number, seed: number): Float32Array {
  const random = new Random(seed, "dropout pool");
  const pool = new Float32Array(size);
  const kept = 1 / (1 - rate);
  for (let index = 0; index < size; index += 1) pool[index] = random.uniform() < rate ? 0 : kept;
  return pool;
}

/** The offsets of batch `number` of a training, from 1: a function of seed and number alone. */
export function dropoutOffsets(sites: number, span: number, seed: number, number: number): BigInt64Array {
  const random = new Random(seed, "dropout", number);
  return BigInt64Array.from({ length: sites }, () => BigInt(random.below(span)));
}
