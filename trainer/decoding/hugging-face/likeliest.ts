// The likeliest ids of rows of logits, with their log-probabilities.
import type { Candidates } from "../scorer.ts";

/** Logits `[rows, length, V]`; only the last of each row's `length` positions counts. */
export interface Logits {
  readonly data: Float32Array;
  readonly rows: number;
  readonly length: number;
  readonly vocabulary: number;
}

/**
 * Log-softmax of each row's last position over all ids, and the `count` best of those that are not forbidden.
 * @param count "all" gives every id's, −∞ for the forbidden ones.
 */
export function likeliest(
  { data, rows, length, vocabulary }: Logits,
  forbidden: readonly number[],
  count: number | "all",
): Candidates {
  const allowed = vocabulary - forbidden.filter((id) => id < vocabulary).length;
  const kept = count === "all" ? vocabulary : Math.min(count, allowed);
  const ids = new Int32Array(rows * kept);
  const logProbabilities = new Float32Array(rows * kept);
  for (let row = 0; row < rows; row += 1) {
    const last = (row * length + length - 1) * vocabulary;
    const logits = data.slice(last, last + vocabulary);
    let highest = Number.NEGATIVE_INFINITY;
    for (const value of logits) if (value > highest) highest = value;
    let sum = 0;
    for (const value of logits) sum += Math.exp(value - highest);
    const logSum = highest + Math.log(sum);
    // after the sum, as transformers' generation does: what is left does not sum to 1
    for (const id of forbidden) if (id < vocabulary) logits[id] = Number.NEGATIVE_INFINITY;
    if (count === "all") {
      for (let id = 0; id < vocabulary; id += 1) logProbabilities[row * kept + id] = logits[id]! - logSum;
      continue;
    }
    const best = bestPlaces(logits, kept);
    for (const [rank, id] of best.entries()) {
      ids[row * kept + rank] = id;
      logProbabilities[row * kept + rank] = logits[id]! - logSum;
    }
  }
  return count === "all" ? { count: kept, logProbabilities } : { count: kept, ids, logProbabilities };
}

/** Places of the `count` largest values, largest first; of equal ones the first. One pass, as `count` is small. */
function bestPlaces(values: Float32Array, count: number): number[] {
  const best: number[] = [];
  for (const [place, value] of values.entries()) {
    if (best.length === count && value <= values[best[count - 1]!]!) continue;
    let at = best.length;
    while (at > 0 && values[best[at - 1]!]! < value) at -= 1;
    best.splice(at, 0, place);
    if (best.length > count) best.pop();
  }
  return best;
}
