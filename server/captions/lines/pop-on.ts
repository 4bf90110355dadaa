// Whole captions from words as they come: each as soon as it is full or its segment ends, timed to be readable.
import type { Caption, TimedWord } from "./caption.ts";
import type { CaptionStyle } from "./caption-style.ts";
import { columnsOf, textOf } from "./caption-word.ts";
import { directedLines } from "./direction.ts";
import { breakCaptions, fitsCaption } from "./line-breaker.ts";
import { BREAK_COSTS, breakCost } from "./phrase-break.ts";

/** A caption that nothing presses stays longer than it must: it is read at this share of the fastest speed. */
const EASY_SPEED = 0.7;
/** Words wait for their caption to fill at most this long after the first of them, where more come. */
export const HOLD_MAX_MS = 4_000;

/**
 * Every word is in one caption, in order; lines, rows, times, gaps and reading speed keep to the style. When speech is
 * denser than can be read, captions fall behind (`delay`) and catch up where it is less so.
 */
export class PopOn {
  readonly #style: CaptionStyle;
  readonly #language: string;
  #words: TimedWord[] = [];
  #index = 0;
  #freeAt = Number.NEGATIVE_INFINITY;

  constructor(style: CaptionStyle, language: string) {
    this.#style = style;
    this.#language = language;
  }

  /** Captions that the words complete. `now`: when they are shown at the earliest. */
  push(words: readonly TimedWord[], now: number): Caption[] {
    this.#words.push(...words);
    if (this.#words.length === 0) return [];
    const out: Caption[] = [];
    if (!fitsCaption(this.#words, this.#style, this.#language)) {
      // More than one caption holds: all but the last are out, since only that one can still grow.
      const captions = breakCaptions(this.#words, this.#style, this.#language);
      const open = captions.pop() ?? [];
      out.push(...captions.map((lines) => this.#write(lines, now)));
      this.#words = this.#words.slice(this.#words.length - open.flat().length);
    }
    if (now - this.#words[0].at >= HOLD_MAX_MS) out.push(...this.#writeToPause(now));
    return out;
  }

  /** The segment has ended: what is left is shown. */
  flush(now: number): Caption[] {
    const captions = breakCaptions(this.#words, this.#style, this.#language);
    this.#words = [];
    return captions.map((lines) => this.#write(lines, now));
  }

  /** What waits, up to its last pause; all but the last word where it has none. */
  #writeToPause(now: number): Caption[] {
    if (this.#words.length < 2) return [];
    let end = this.#words.length - 1;
    for (let place = end; place > 0; place--) {
      if (breakCost(this.#words[place - 1], this.#words[place], this.#language) <= BREAK_COSTS.phrase) {
        end = place;
        break;
      }
    }
    const shown = this.#words.slice(0, end);
    this.#words = this.#words.slice(end);
    return breakCaptions(shown, this.#style, this.#language).map((lines) => this.#write(lines, now));
  }

  #write(lines: readonly TimedWord[][], now: number): Caption {
    const { minMs, maxMs, gapMs, columnsPerSecond } = this.#style;
    const columns = lines.reduce((sum, line) => sum + columnsOf(line), 0);
    const start = Math.ceil(Math.max(now, this.#freeAt));
    const late = start > now;
    const speed = late ? columnsPerSecond : columnsPerSecond * EASY_SPEED;
    // Up, so that the speed is never above the style's; a caption never has more columns than its longest time allows.
    const duration = Math.min(maxMs, Math.max(minMs, Math.ceil((columns * 1000) / speed)));
    this.#freeAt = start + duration + gapMs;
    return {
      type: "caption",
      index: this.#index++,
      target: this.#language,
      lines: directedLines(lines.map(textOf), this.#language),
      start,
      end: start + duration,
      readingSpeed: (columns * 1000) / duration,
      delay: start - lines[0][0].at,
    };
  }
}
