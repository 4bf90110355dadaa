// What a step's dropout is fed with: the pool that masks are cut from, and where each site's mask begins.
import type * as Ort from "onnxruntime-common";
import { dropoutOffsets, dropoutPool } from "../networks/dropout.ts";

/** Values of the pool beyond the largest activation, among which offsets are drawn. */
const POOL_SPAN = 1 << 20;

export class DropoutPool {
  readonly #ort: typeof Ort;
  readonly #settings: { readonly sites: number; readonly rate: number; readonly seed: number };
  #pool: Ort.Tensor | undefined;

  constructor(ort: typeof Ort, settings: { readonly sites: number; readonly rate: number; readonly seed: number }) {
    this.#ort = ort;
    this.#settings = settings;
  }

  /** Where the masks of batch `number` of a training begin, one for each site. */
  offsets(number: number): Ort.Tensor {
    const { sites, seed } = this.#settings;
    return new this.#ort.Tensor("int64", dropoutOffsets(sites, POOL_SPAN, seed, number), [sites]);
  }

  /** Grown, from the same seed, when a larger batch comes; the values that were there stay the same. */
  pool(largestActivation: number): Ort.Tensor {
    const needed = POOL_SPAN + largestActivation;
    if (!this.#pool || this.#pool.size < needed) {
      const size = Math.ceil(needed / POOL_SPAN) * POOL_SPAN;
      const values = dropoutPool(this.#settings.rate, size, this.#settings.seed);
      this.#pool = new this.#ort.Tensor("float32", values, [size]);
    }
    return this.#pool;
  }
}
