// Exact percentiles of a short list.

/**
 * The value that `percent` of `values` do not exceed (nearest rank).
 *
 * @throws RangeError when there are none
 */
export function percentile(values: readonly number[], percent: number): number {
  if (values.length === 0) throw new RangeError("a percentile of no values");
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(1, Math.ceil((percent / 100) * sorted.length)) - 1];
}

/**
 * The middle value, or the mean of the two middle ones.
 *
 * @throws RangeError when there are none
 */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError("a median of no values");
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
