// The rolling screen of live captions: words come in at the bottom right, full lines move up, the oldest goes.
import type { CaptionScreen, TimedWord } from "./caption.ts";
import type { CaptionStyle } from "./caption-style.ts";
import { columnsOf, textOf } from "./caption-word.ts";
import { directedLines } from "./direction.ts";
import { endsPhrase, leansOnNext } from "./phrase-break.ts";

/** A line that is this full ends with its clause; one that is less full goes on. */
const FULL_ENOUGH = 0.75;

/** A word that is on the screen stays where it is, in its line, until the line rolls off. */
export class RollUp {
  readonly #style: CaptionStyle;
  readonly #language: string;
  #lines: TimedWord[][] = [];

  constructor(style: CaptionStyle, language: string) {
    this.#style = style;
    this.#language = language;
  }

  /**
   * Puts words on the screen. Those that come together are placed with regard to each other, and give a screen for each
   * line that they fill: none rolls off without having been on a screen.
   */
  push(words: readonly TimedWord[]): CaptionScreen[] {
    const screens: CaptionScreen[] = [];
    for (const [index, word] of words.entries()) {
      const line = this.#lines.at(-1);
      if (line !== undefined && !this.#breaksBefore(line, word, words[index + 1])) {
        line.push(word);
        continue;
      }
      if (index > 0) screens.push(this.#screen(words[index - 1].at));
      this.#lines.push([word]);
      if (this.#lines.length > this.#style.rows) this.#lines.shift();
    }
    if (words.length > 0) screens.push(this.#screen(words[words.length - 1].at));
    return screens;
  }

  #screen(at: number): CaptionScreen {
    return {
      type: "screen",
      target: this.#language,
      lines: directedLines(this.#lines.map(textOf), this.#language),
      at,
    };
  }

  #breaksBefore(line: readonly TimedWord[], word: TimedWord, next: TimedWord | undefined): boolean {
    const { columns } = this.#style;
    if (columnsOf([...line, word]) > columns) return true;
    if (endsPhrase(line[line.length - 1]) && columnsOf(line) >= columns * FULL_ENOUGH) return true;
    // An article alone at a line's end waits for its noun on the next line, where the noun is known not to fit.
    const parted =
      next !== undefined && leansOnNext(word, this.#language) && columnsOf([...line, word, next]) > columns;
    return parted && columnsOf(line) >= columns / 2;
  }
}
