// A recogniser's changing hypothesis: what of it may be read, by the agreement of two in a row or by the client's word.

import { closestPrefix, isBorder, joinsWithout } from "./hypothesis-alignment.ts";

/** What one hypothesis adds to the source. */
export interface Revision {
  /** Text to append; often empty. */
  text: string;
  /** Whether it says otherwise than what was read already, in a way that was not told before. */
  contradicts: boolean;
}

/** White space as the tokenizer sees it; a run of it is one space, as in the segmenter. */
const SPACES = /[\p{White_Space}▁]+/gu;

/**
 * Local agreement of two hypotheses (Liu et al. 2020, "Low-latency sequence-to-sequence speech recognition and
 * translation by partial hypothesis selection"; LocalAgreement-2 of Polák et al. 2022): their longest common prefix, cut
 * at the last border of a word, is taken as read. What is taken is never given back: where a later hypothesis has other
 * words in that place, the words of it that are closest to what was taken count as read.
 *
 * Its memory is a few times the longest text that it is given.
 */
export class Hypothesis {
  /** All that was taken since the last `commit`. */
  #taken = "";
  /** What of the last hypothesis follows what was taken; undefined before the first one. */
  #rest: string | undefined;
  /** How the last hypothesis that said otherwise has what was taken. */
  #told: string | undefined;

  /** Whether one has come since the last `commit`. */
  get open(): boolean {
    return this.#rest !== undefined;
  }

  /** Whether the last one has text that was not taken. */
  get waiting(): boolean {
    return this.#rest !== undefined && this.#rest.trim() !== "";
  }

  /** Characters taken since the last `commit`, in UTF-16 units. */
  get takenCharacters(): number {
    return this.#taken.length;
  }

  /**
   * @param given the whole hypothesis, from the last `commit` on
   * @param stable so many of its first characters, in UTF-16 units, will not change: they are taken whatever the last one said
   */
  revise(given: string, stable = 0): Revision {
    const text = given.replace(SPACES, " ").trimStart();
    const { end, contradicts, follows } = this.#covered(text);
    const certain = given.slice(0, stable).replace(SPACES, " ").trimStart();
    // Words that only stand where others were read must not grow together with those.
    const gap = !follows && joinsWithout(this.#taken, text.slice(end, end + 2)) ? " " : "";
    const promised = certain.length > end ? gap + text.slice(end, certain.length) : "";
    const after = (promised === "" ? gap : "") + text.slice(Math.max(end, certain.length));
    const before = this.#rest?.startsWith(promised) ? this.#rest.slice(promised.length) : "";
    const agreed = after.slice(0, agreement(before, after));
    this.#rest = after.slice(agreed.length);
    return { text: this.#take(promised + agreed), contradicts };
  }

  /** Takes the last hypothesis whole, and starts anew. Returns what it adds. */
  commit(): string {
    const text = this.#rest === undefined ? "" : this.#take(this.#rest);
    this.#taken = "";
    this.#rest = undefined;
    this.#told = undefined;
    return text;
  }

  #take(text: string): string {
    this.#taken += text;
    return text;
  }

  /** How much of the hypothesis what was taken stands for. A shorter one says nothing against it. */
  #covered(text: string): { end: number; contradicts: boolean; follows: boolean } {
    if (text.startsWith(this.#taken)) return { end: this.#taken.length, contradicts: false, follows: true };
    if (this.#taken.startsWith(text)) return { end: text.length, contradicts: false, follows: true };
    const end = closestPrefix(this.#taken, text);
    const told = this.#told;
    this.#told = text.slice(0, end);
    const same = told !== undefined && (told.startsWith(this.#told) || this.#told.startsWith(told));
    return { end, contradicts: !same, follows: false };
  }
}

/** The length of the longest common prefix that ends at a border of a word in both. */
function agreement(one: string, other: string): number {
  let length = 0;
  while (length < one.length && one[length] === other[length]) length++;
  while (length > 0 && !(isBorder(one, length) && isBorder(other, length))) length--;
  return length;
}
