// Examples of like length together: cuts a set of lengths into batches of bounded padded size.

export interface BucketOptions {
  /** rows · max(padded source, padded target) at most; a single longer row makes a batch of its own. */
  paddedTokens: number;
  /** Lengths are padded to a multiple of this, so that fewer different shapes come up. */
  multiple: number;
}

/** `length` rounded up to a multiple. */
export function padLength(length: number, multiple: number): number {
  return Math.ceil(length / multiple) * multiple;
}

/**
 * Groups example numbers into batches. Within the given order, `poolSize` examples at a time are sorted by padded target,
 * then padded source length (up and down in turn, so that neighbouring groups meet at like sources), then cut by budget.
 */
export function bucketByLength(
  sourceLengths: ArrayLike<number>,
  targetLengths: ArrayLike<number>,
  options: BucketOptions,
  poolSize = 1 << 17,
): Uint32Array[] {
  const count = sourceLengths.length;
  const keys = new Float64Array(Math.min(count, poolSize));
  const batches: Uint32Array[] = [];
  for (let from = 0; from < count; from += poolSize) {
    const size = Math.min(poolSize, count - from);
    for (let at = 0; at < size; at += 1) {
      const target = Math.ceil(targetLengths[from + at] / options.multiple);
      const source = Math.ceil(sourceLengths[from + at] / options.multiple);
      const along = target % 2 === 0 ? source : 65_536 - source;
      // Sorting plain numbers is fast: length keys above, the place in the pool below (under 2^53 together).
      keys[at] = (target * 131_072 + along) * 1_048_576 + at;
    }
    const order = Uint32Array.from(keys.subarray(0, size).sort(), (key) => from + (key % 1_048_576));
    cut(order, sourceLengths, targetLengths, options, batches);
  }
  return batches;
}

function cut(
  order: Uint32Array,
  sourceLengths: ArrayLike<number>,
  targetLengths: ArrayLike<number>,
  options: BucketOptions,
  batches: Uint32Array[],
): void {
  let start = 0;
  let width = 0;
  for (let at = 0; at < order.length; at += 1) {
    const length = Math.max(sourceLengths[order[at]], targetLengths[order[at]]);
    const widened = Math.max(width, padLength(length, options.multiple));
    if (at > start && widened * (at - start + 1) > options.paddedTokens) {
      batches.push(order.slice(start, at));
      start = at;
      width = padLength(length, options.multiple);
    } else {
      width = widened;
    }
  }
  if (start < order.length) batches.push(order.slice(start));
}
