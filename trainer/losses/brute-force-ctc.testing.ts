// Test support: connectionist temporal classification by listing every path of slot ids. Exponential, and plainly right.

/** What one row of slots says about its labels. */
export interface BruteForceCtc {
  /** log p(labels): −∞ when no path of slots spells them. */
  readonly logLikelihood: number;
  /** p(slot t holds id v | labels), `[T, V]`. */
  readonly posterior: number[][];
  /** The likeliest single path that spells the labels; undefined when there is none. */
  readonly bestPath: readonly number[] | undefined;
}

/** Drops repeats, then blanks. */
export function collapse(path: readonly number[], blank: number): number[] {
  return path.filter((id, slot) => id !== blank && id !== path[slot - 1]);
}

/** @param logProbabilities `[T, V]` of one row. */
export function bruteForceCtc(
  logProbabilities: readonly (readonly number[])[],
  labels: readonly number[],
  blank: number,
): BruteForceCtc {
  const T = logProbabilities.length;
  const V = logProbabilities[0]?.length ?? 0;
  const wanted = labels.join(",");
  const posterior = logProbabilities.map((slot) => slot.map(() => 0));
  let likelihood = 0;
  let best = 0;
  let bestPath: readonly number[] | undefined;
  for (let code = 0; code < V ** T; code += 1) {
    const path = Array.from({ length: T }, (_, slot) => Math.floor(code / V ** slot) % V);
    if (collapse(path, blank).join(",") !== wanted) continue;
    const probability = Math.exp(path.reduce((sum, id, slot) => sum + logProbabilities[slot]![id]!, 0));
    likelihood += probability;
    path.forEach((id, slot) => {
      posterior[slot]![id]! += probability;
    });
    if (probability > best) [best, bestPath] = [probability, path];
  }
  const normalized = posterior.map((slot) => slot.map((value) => (likelihood > 0 ? value / likelihood : 0)));
  return { logLikelihood: Math.log(likelihood), posterior: normalized, bestPath };
}

/** Rows of logits `[rows, V]` as log-probabilities, in double precision. */
export function logSoftmaxRows(logits: ArrayLike<number>, V: number): number[][] {
  return Array.from({ length: logits.length / V }, (_, row) => {
    const values = Array.from({ length: V }, (__, id) => logits[row * V + id]!);
    const top = Math.max(...values);
    const total = top + Math.log(values.reduce((sum, value) => sum + Math.exp(value - top), 0));
    return values.map((value) => value - total);
  });
}
