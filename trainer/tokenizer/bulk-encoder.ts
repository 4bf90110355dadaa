// Encodes much text fast: every word between spaces is segmented once and remembered.
import type { Tokenizer } from "../../models/tokenizer.ts";
import { splitWords } from "./piece-counter.ts";

/** Words remembered at most; then all are forgotten, and the frequent ones are soon back. */
const CACHE_WORDS = 1 << 17;

/** The tokenizer's own ids, several times faster over a corpus than text by text. */
export class BulkEncoder {
  readonly #tokenizer: Tokenizer;
  readonly #words = new Map<string, readonly number[]>();

  constructor(tokenizer: Tokenizer) {
    this.#tokenizer = tokenizer;
  }

  /** Token ids of the text, no special tokens added. */
  encode(text: string): number[] {
    const ids: number[] = [];
    for (const word of splitWords(text)) {
      let wordIds = this.#words.get(word);
      if (wordIds === undefined) {
        wordIds = this.#tokenizer.encode(word);
        if (this.#words.size >= CACHE_WORDS) this.#words.clear();
        this.#words.set(word, wordIds);
      }
      for (const id of wordIds) ids.push(id);
    }
    return ids;
  }
}
