// What must never be trained on: the folded sentences of the validation and test files.

const notLetterOrNumber = /[^\p{L}\p{M}\p{N}]+/gu;

/** Case and punctuation folded away: what two sentences share when one gives the other away. */
export function foldSentence(sentence: string): string {
  return sentence.normalize("NFC").toLowerCase().replace(notLetterOrNumber, " ").trim();
}

/** The sources and references of all held-out files, across corpora. */
export class HeldOut {
  readonly #folded = new Set<string>();

  get size(): number {
    return this.#folded.size;
  }

  add(sentence: string): void {
    const folded = foldSentence(sentence);
    if (folded !== "") this.#folded.add(folded);
  }

  /** True when a held-out sentence, source or reference, folds to the same. */
  has(sentence: string): boolean {
    return this.#folded.has(foldSentence(sentence));
  }
}
