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

/** Counts pieces over much text, each text with a weight. */
export class PieceCounter {
  readonly #words = new Map<string, number>();

  /** Counts the text's pieces `weight` times. */
  add(text: string, weight = 1): void {
    for (const word of splitWords(text)) this.#words.set(word, (this.#words.get(word) ?? 0) + weight);
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
