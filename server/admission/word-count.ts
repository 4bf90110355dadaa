// Words of a text that comes in parts, as limits count them: the same however it was cut.

/** Of writing without spaces, so many characters count as a word; no word of a space-separated language is so long. */
const CHARACTERS_MAX = 20;

export class WordCount {
  /** Characters of the word that the last part ended in; 0 after a space. */
  #length = 0;

  /** Words that begin in this part. */
  of(part: string): number {
    let words = 0;
    for (const character of part) {
      if (/\s/u.test(character)) {
        this.#length = 0;
        continue;
      }
      if (this.#length % CHARACTERS_MAX === 0) words++;
      this.#length++;
    }
    return words;
  }

  /** What comes next is a new word. */
  cut(): void {
    this.#length = 0;
  }
}
