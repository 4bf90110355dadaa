// Byte-pair encoding of one piece by ranked merges (Sennrich et al. 2016).

/** Pieces remembered; speech repeats itself. */
const CACHE_PIECES = 20_000;

/** Merges of a vocabulary, applied to one piece at a time: lowest rank first, from the left. */
export class BytePairEncoder {
  readonly #ids: ReadonlyMap<string, number>;
  readonly #unknownId: number;
  /** Rank of the merge of left and right, by left, then right. */
  readonly #ranks = new Map<string, Map<string, number>>();
  readonly #cache = new Map<string, readonly number[]>();

  constructor(ids: ReadonlyMap<string, number>, merges: readonly (readonly [string, string])[], unknownId: number) {
    this.#ids = ids;
    this.#unknownId = unknownId;
    for (const [rank, [left, right]] of merges.entries()) {
      const byRight = this.#ranks.get(left) ?? new Map<string, number>();
      this.#ranks.set(left, byRight);
      if (!byRight.has(right)) byRight.set(right, rank);
    }
  }

  /** Token ids of one piece; a character outside the alphabet is `<unk>`. Pieces are short: quadratic in their length. */
  encode(piece: string): readonly number[] {
    const known = this.#cache.get(piece);
    if (known !== undefined) return known;
    const ids = this.#merge(Array.from(piece)).map((symbol) => this.#ids.get(symbol) ?? this.#unknownId);
    if (this.#cache.size >= CACHE_PIECES) this.#cache.clear();
    this.#cache.set(piece, ids);
    return ids;
  }

  /**
   * The same with merges left out, so that a piece is cut in other ways; nothing is remembered.
   * @param dropped asked before each merge that could come next.
   */
  cut(piece: string, dropped: () => boolean): number[] {
    return this.#merge(Array.from(piece), dropped).map((symbol) => this.#ids.get(symbol) ?? this.#unknownId);
  }

  #merge(symbols: string[], dropped?: () => boolean): string[] {
    for (;;) {
      let best = Number.POSITIVE_INFINITY;
      let at = -1;
      for (let index = 0; index + 1 < symbols.length; index++) {
        const rank = this.#ranks.get(symbols[index])?.get(symbols[index + 1]);
        if (rank !== undefined && !dropped?.() && rank < best) {
          best = rank;
          at = index;
        }
      }
      if (at < 0) return symbols;
      symbols.splice(at, 2, symbols[at] + symbols[at + 1]);
    }
  }
}
