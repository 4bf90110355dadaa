// Deltas and finals of one target to whole words: a word is taken when nothing can be added to it.
import type { DeltaMessage, FinalMessage } from "../../protocol/server-messages.ts";
import type { TimedWord } from "./caption.ts";
import { captionWords, isUnspaced } from "./caption-word.ts";

/** What of a session's message line making uses. */
export type WrittenText = Pick<DeltaMessage, "type" | "text"> | Pick<FinalMessage, "type">;

/** Languages that put no space between sentences either. */
const UNSPACED_LANGUAGES = new Set(["zh", "ja", "th", "lo", "km", "my"]);

/**
 * Holds back the last word of what was written, since a delta may end inside it, until a space or the segment's end
 * follows. Of writing without spaces two of the dictionary's words are held back: what follows can change where they end.
 */
export class WordFeed {
  readonly #language: string;
  readonly #columns: number;
  #held = "";
  #heldSpaced = false;
  #heldSince = 0;
  #begun = false;

  /** @param columns a line's width: no word is given that is wider */
  constructor(language: string, columns: number) {
    this.#language = language;
    this.#columns = columns;
  }

  /** Words that are whole now. `at`: when the text was there. */
  take(message: WrittenText, at: number): TimedWord[] {
    return message.type === "delta" ? this.#append(message.text, at) : this.#endSegment(at);
  }

  #append(text: string, at: number): TimedWord[] {
    if (this.#held === "") this.#heldSince = at;
    this.#held += text;
    const words = this.#words(this.#held);
    const keep = isUnspaced(this.#held) ? 2 : 1;
    const endsInSpace = /\s$/u.test(this.#held) && !/[\u00a0\u202f]$/u.test(this.#held);
    const whole = endsInSpace ? words : words.slice(0, -keep);
    if (whole.length === 0) return [];
    const rest = words.slice(whole.length);
    // A word that was begun in an earlier delta was there when that delta came; the rest came with this one.
    const timed = whole.map((word, index) => ({ ...word, at: index === 0 ? this.#heldSince : at }));
    this.#held = rest.map((word, index) => (index > 0 && word.spaced ? ` ${word.text}` : word.text)).join("");
    this.#heldSpaced = rest[0]?.spaced ?? true;
    this.#heldSince = at;
    this.#begun = true;
    return timed;
  }

  #endSegment(at: number): TimedWord[] {
    const words = this.#words(this.#held).map((word) => ({ ...word, at: Math.min(this.#heldSince, at) }));
    if (words.length > 0) this.#begun = true;
    this.#held = "";
    this.#heldSpaced = !UNSPACED_LANGUAGES.has(this.#language.toLowerCase().split(/[-_]/)[0]);
    return words;
  }

  #words(text: string) {
    const words = captionWords(text, this.#language, this.#columns);
    const [first, ...others] = words;
    if (first === undefined) return words;
    return [{ ...first, spaced: first.spaced || (this.#begun && this.#heldSpaced) }, ...others];
  }
}
