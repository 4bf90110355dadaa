// A histogram of durations that stays small however many it takes: about 1 % wide buckets on a logarithmic scale.

const BUCKETS_PER_DOUBLING = 64;
const SMALLEST_EXPONENT = -10;
const LARGEST_EXPONENT = 30;

/** Percentiles of what was recorded, in the unit that was recorded. */
export interface Summary {
  count: number;
  mean: number;
  p50: number;
  p95: number;
  p99: number;
  max: number;
}

/**
 * Takes values of 2^-10 to 2^30 (in milliseconds: a microsecond to twelve days); outside it the nearest bucket takes
 * them. Count, mean, minimum and maximum are exact; a percentile is at most 1.1 % above the true one and never below.
 */
export class Histogram {
  readonly #buckets = new Float64Array((LARGEST_EXPONENT - SMALLEST_EXPONENT) * BUCKETS_PER_DOUBLING);
  #count = 0;
  #sum = 0;
  #min = Number.POSITIVE_INFINITY;
  #max = Number.NEGATIVE_INFINITY;

  get count(): number {
    return this.#count;
  }

  /** @throws RangeError when `value` is negative or not a number */
  record(value: number): void {
    if (!(value >= 0)) throw new RangeError(`a histogram takes values of 0 and more, not ${value}`);
    this.#buckets[this.#bucketOf(value)] += 1;
    this.#count += 1;
    this.#sum += value;
    this.#min = Math.min(this.#min, value);
    this.#max = Math.max(this.#max, value);
  }

  /** Value that `percent` of the recorded values do not exceed (nearest rank); NaN when nothing was recorded. */
  percentile(percent: number): number {
    if (this.#count === 0) return Number.NaN;
    const rank = Math.max(1, Math.ceil((percent / 100) * this.#count));
    let seen = 0;
    const bucket = this.#buckets.findIndex((count) => {
      seen += count;
      return seen >= rank;
    });
    const upperEdge = 2 ** ((bucket + 1) / BUCKETS_PER_DOUBLING + SMALLEST_EXPONENT);
    return Math.max(this.#min, Math.min(this.#max, upperEdge));
  }

  /** The usual figures; null when nothing was recorded. */
  summary(): Summary | null {
    if (this.#count === 0) return null;
    const [p50, p95, p99] = [50, 95, 99].map((percent) => this.percentile(percent));
    return { count: this.#count, mean: this.#sum / this.#count, p50, p95, p99, max: this.#max };
  }

  #bucketOf(value: number): number {
    // A value on an edge belongs below it, so that the edge is its percentile.
    const bucket = Math.ceil((Math.log2(value) - SMALLEST_EXPONENT) * BUCKETS_PER_DOUBLING) - 1;
    return Math.max(0, Math.min(this.#buckets.length - 1, bucket));
  }
}
