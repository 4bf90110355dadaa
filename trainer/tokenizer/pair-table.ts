// The adjacent symbol pairs of a BPE training: how often each stands in the words, and in which words.

/** Packs two symbol ids below 65,536 into one small integer, which maps hash faster than strings. */
export function pairKey(left: number, right: number): number {
  return (left << 16) | right;
}

/** Pair counts kept up to date while words change, by dense pair number. */
export class PairTable {
  readonly left: number[] = [];
  readonly right: number[] = [];
  readonly counts: number[] = [];
  /** Numbers of the words that had the pair when it was counted; some may have lost it since. */
  readonly words: number[][] = [];
  readonly #numbers = new Map<number, number>();

  get size(): number {
    return this.counts.length;
  }

  /** Adds one occurrence in `word`, which stands for `count` of them in the text; returns the pair's number. */
  add(left: number, right: number, word: number, count: number): number {
    const key = pairKey(left, right);
    let pair = this.#numbers.get(key);
    if (pair === undefined) {
      pair = this.counts.length;
      this.#numbers.set(key, pair);
      this.left.push(left);
      this.right.push(right);
      this.counts.push(0);
      this.words.push([]);
    }
    this.counts[pair] += count;
    const words = this.words[pair];
    if (words[words.length - 1] !== word) words.push(word);
    return pair;
  }

  /** Takes one occurrence away again. */
  remove(left: number, right: number, count: number): void {
    const pair = this.#numbers.get(pairKey(left, right));
    if (pair !== undefined) this.counts[pair] -= count;
  }
}
