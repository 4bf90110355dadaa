// The n-grams of a batch of targets, each counted where it first stands, as the n-gram objective takes them.

// B rows, U labels (padded).

export interface NgramLabels {
  /** int64 `[B, U]`: the labels; `filler` behind a row's own. */
  readonly tokens: BigInt64Array;
  /** `[B, U]`: how often the label occurs in its row, at its first place; 0 at its others and behind the row. */
  readonly unigrams: Float32Array;
  /** `[B, U]`: the same for the pair of the label and the one after it. */
  readonly bigrams: Float32Array;
  /** `[B, U]`: 1 where the label equals the one after it, else 0. */
  readonly doubled: Float32Array;
}

/**
 * @param target label ids `[rows, U]`, of which the first `targetLengths[row]` count.
 * @param filler an id that stands where no label is; nothing is counted there.
 */
export function ngramLabels(
  target: Int32Array,
  targetLengths: Int32Array,
  rows: number,
  U: number,
  filler: number,
): NgramLabels {
  const tokens = new BigInt64Array(rows * U).fill(BigInt(filler));
  const unigrams = new Float32Array(rows * U);
  const bigrams = new Float32Array(rows * U);
  const doubled = new Float32Array(rows * U);
  for (let row = 0; row < rows; row += 1) {
    const first = new Map<string, number>(); // the place at which an n-gram is counted
    const count = (into: Float32Array, ngram: string, place: number) => {
      const at = first.get(ngram) ?? place;
      first.set(ngram, at);
      into[at]! += 1;
    };
    const start = row * U;
    const length = targetLengths[row]!;
    for (let place = start; place < start + length; place += 1) {
      const label = target[place]!;
      tokens[place] = BigInt(label);
      count(unigrams, `${label}`, place);
      if (place + 1 === start + length) continue;
      const next = target[place + 1]!;
      count(bigrams, `${label} ${next}`, place);
      if (label === next) doubled[place] = 1;
    }
  }
  return { tokens, unigrams, bigrams, doubled };
}
