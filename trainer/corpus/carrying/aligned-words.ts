// Words that translate each other, by how often they stand in the same pairs: Dice's coefficient (Dice 1945; Melamed 2000).

/** Words of fewer pairs are too rare to tell, words of more than this share, and this number, are no terms. */
const LEAST_PAIRS = 2;
const MOST_SHARE = 0.004;
const MOST_PAIRS = 60;
/** Pairs that counts are taken over, and pairs of words: some 200 MB at most. */
const COUNTED_PAIRS = 400_000;
const COUNTED_WORD_PAIRS = 1 << 24;
const LEAST_DICE = 0.2;

type Words = readonly string[];

/** Counts the words of sentence pairs, and says which two of a pair go together. */
export class AlignedWords {
  readonly #source = new WordCounts();
  readonly #target = new WordCounts();
  readonly #dice = new Map<number, number>();

  /**
   * @param pairs a function that goes over the same pairs at each call: different words of each side, as they are to be
   * compared. Only the first ones are counted where there are very many.
   */
  constructor(pairs: () => Iterable<readonly [Words, Words]>) {
    let seen = 0;
    for (const [source, target] of pairs()) {
      if (seen === COUNTED_PAIRS) break;
      seen += 1;
      for (const word of source) this.#source.add(word);
      for (const word of target) this.#target.add(word);
    }
    const most = Math.max(MOST_PAIRS, MOST_SHARE * seen);
    this.#source.keep(LEAST_PAIRS, most);
    this.#target.keep(LEAST_PAIRS, most);
    const together = this.#together(pairs, seen);
    for (let at = 0; at < together.length; ) {
      let end = at + 1;
      while (end < together.length && together[end] === together[at]) end += 1;
      const key = together[at]!;
      const all = this.#source.countAt(Math.floor(key / this.#width)) + this.#target.countAt(key % this.#width);
      const dice = (2 * (end - at)) / all;
      if (end - at >= LEAST_PAIRS && dice >= LEAST_DICE) this.#dice.set(key, dice);
      at = end;
    }
  }

  /** Places `[source, target]` of the words that are each other's best in this pair. */
  pairsIn(source: Words, target: Words): [number, number][] {
    const rows = source.map((word) => this.#source.placeOf(word));
    const columns = target.map((word) => this.#target.placeOf(word));
    const dice = (row: number | undefined, column: number | undefined) =>
      row === undefined || column === undefined ? 0 : (this.#dice.get(row * this.#width + column) ?? 0);
    return rows.flatMap((row, at): [number, number][] => {
      const best = bestOf(columns.map((column) => dice(row, column)));
      if (best === undefined) return [];
      const back = bestOf(rows.map((other) => dice(other, columns[best])));
      return back === at ? [[at, best]] : [];
    });
  }

  get #width(): number {
    return this.#target.size;
  }

  /** One number for each pair of kept words in each pair of sentences, sorted. */
  #together(pairs: () => Iterable<readonly [Words, Words]>, seen: number): Float64Array {
    let keys = new Float64Array(1 << 16);
    let count = 0;
    let left = seen;
    for (const [source, target] of pairs()) {
      if (left-- === 0) break;
      const columns = target.flatMap((word) => this.#target.placeOf(word) ?? []);
      for (const word of source) {
        const row = this.#source.placeOf(word);
        if (row === undefined) continue;
        for (const column of columns) {
          if (count === COUNTED_WORD_PAIRS) return keys.sort();
          if (count === keys.length) {
            const grown = new Float64Array(2 * count);
            grown.set(keys);
            keys = grown;
          }
          keys[count++] = row * this.#width + column;
        }
      }
    }
    return keys.slice(0, count).sort();
  }
}

/** In how many sentences each word is. */
class WordCounts {
  readonly #counts = new Map<string, number>();
  readonly #places = new Map<string, number>();
  #kept: number[] = [];

  add(word: string): void {
    this.#counts.set(word, (this.#counts.get(word) ?? 0) + 1);
  }

  /** Numbers the words of these counts; the others are forgotten. */
  keep(least: number, most: number): void {
    for (const [word, count] of this.#counts) {
      if (count < least || count > most) continue;
      this.#places.set(word, this.#kept.length);
      this.#kept.push(count);
    }
    this.#counts.clear();
  }

  get size(): number {
    return this.#kept.length;
  }

  placeOf(word: string): number | undefined {
    return this.#places.get(word);
  }

  countAt(place: number): number {
    return this.#kept[place]!;
  }
}

/** The place of the one highest value above 0; undefined where there is none, or two are as high. */
function bestOf(values: readonly number[]): number | undefined {
  const highest = Math.max(0, ...values);
  const first = values.indexOf(highest);
  return highest > 0 && values.lastIndexOf(highest) === first ? first : undefined;
}
