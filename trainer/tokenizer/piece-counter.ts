// How often each piece stands in a text: what a vocabulary is learnt from.
import { SPACE_MARK, splitPieces } from "../../models/pieces.ts";

const wordBoundary = new RegExp(`[\\p{White_Space}${SPACE_MARK}]+`, "u");

/**
 * A text's words between white space, not yet normalised. No piece reaches over white space and nothing in NFC does, so a
 * text's pieces are its words' pieces; and there are few enough different words to count or remember them.
 */
export function splitWords(text: string): string[] {
  return text.split(wordBoundary).filter((word) => word !== "");
}

/** Different words counted at once: some 100 MB. A corpus of fewer is counted exactly. */
const MAXIMUM_WORDS = 1_000_000;

/**
 * Counts pieces over much text, each text with a weight. Where there are too many different words for the memory, the
 * rarest are forgotten, as lossy counting does (Manku & Motwani 2002): a word's count falls short of the truth by at most
 * `forgotten`, and no word that was seen more often than that is missing.
 */
export class PieceCounter {
  readonly #words = new Map<string, number>();
  readonly #maximumWords: number;
  #forgotten = 0;

  constructor(maximumWords = MAXIMUM_WORDS) {
    this.#maximumWords = maximumWords;
  }

  /** What a count may lack; 0 as long as all words had room. */
  get forgotten(): number {
    return this.#forgotten;
  }

  /** Counts the text's pieces `weight` times. */
  add(text: string, weight = 1): void {
    for (const word of splitWords(text)) this.#words.set(word, (this.#words.get(word) ?? 0) + weight);
    if (this.#words.size > this.#maximumWords) this.#forget();
  }

  /** Drops the rarest words, half of them at least. */
  #forget(): void {
    const counts = Float64Array.from(this.#words.values()).sort();
    const most = counts[counts.length >> 1];
    for (const [word, count] of this.#words) if (count <= most) this.#words.delete(word);
    this.#forgotten += most;
  }

  /** How often each piece was seen, weighted. */
  counts(): Map<string, number> {
    const counts = new Map<string, number>();
    for (const [word, count] of this.#words) {
      for (const piece of splitPieces(word)) counts.set(piece, (counts.get(piece) ?? 0) + count);
    }
    return counts;
  }
}
