// How often each piece stands in a text: what a vocabulary is learnt from.
import { normalizeText, SPACE_MARK, splitPieces } from "../../models/pieces.ts";

/**
 * Cuts a text, once normalised, before every space mark. A piece has the mark at its start only, so pieces never cross
 * these cuts, and there are few enough different words to count or remember them: bulk work goes by words first.
 */
export function splitWords(text: string): string[] {
  const normalized = normalizeText(text);
  const words: string[] = [];
  let start = 0;
  while (start < normalized.length) {
    const next = normalized.indexOf(SPACE_MARK, start + 1);
    const end = next < 0 ? normalized.length : next;
    words.push(normalized.slice(start, end));
    start = end;
  }
  return words;
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
