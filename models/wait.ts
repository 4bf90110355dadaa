// Wait-k: how many source positions must be read before a chunk may be written (Ma et al. 2019, in tokens).

/** Tokens behind the speaker, at least 1; `"full"` waits for the end of the segment. */
export type Wait = number | "full";

/** Every wait of at least this is "full": no segment is longer. */
export const FULL_WAIT = 2 ** 20;

/**
 * The wait as the step graph's integer.
 * @throws RangeError when it is neither `"full"` nor an integer of at least 1.
 */
export function waitToInteger(wait: Wait): number {
  if (wait === "full") return FULL_WAIT;
  if (!Number.isInteger(wait) || wait < 1) {
    throw new RangeError(`wait must be "full" or an integer of at least 1, not ${wait}`);
  }
  return Math.min(wait, FULL_WAIT);
}

/**
 * How many chunks may have been computed: chunk i (from 0) needs positions 0..i+wait-1, or the end.
 * @param read source positions read; when the segment has ended, EOS is one of them.
 */
export function chunksReady(read: number, wait: number, ended: boolean): number {
  return ended ? read : Math.max(0, read - wait + 1);
}
