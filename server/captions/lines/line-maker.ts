// One target's deltas and finals to caption events: the rolling screen where the style has one, and whole captions.
import type { Caption, CaptionEvent } from "./caption.ts";
import type { CaptionStyle } from "./caption-style.ts";
import { PopOn } from "./pop-on.ts";
import { RollUp } from "./roll-up.ts";
import { WordFeed, type WrittenText } from "./word-feed.ts";

export class LineMaker {
  readonly #style: CaptionStyle;
  readonly #words: WordFeed;
  readonly #rollUp: RollUp;
  readonly #popOn: PopOn;
  readonly #language: string;

  /** @param language the target's tag */
  constructor(style: CaptionStyle, language: string) {
    this.#style = style;
    this.#language = language;
    this.#words = new WordFeed(language, style.columns);
    this.#rollUp = new RollUp(style, language);
    this.#popOn = new PopOn(style, language);
  }

  /**
   * Events that a message leads to, in order. The messages of one target in the order of their `seq`.
   * @param at when the text was there, in milliseconds of a clock that never goes back
   */
  take(message: WrittenText, at: number): CaptionEvent[] {
    const words = this.#words.take(message, at);
    const captions = this.#popOn.push(words, at);
    if (message.type === "final") captions.push(...this.#popOn.flush(at));
    if (this.#style.mode === "pop-on") return captions.flatMap((caption) => [caption, this.#screenOf(caption)]);
    return [...this.#rollUp.push(words), ...captions];
  }

  /** In the pop-on mode a caption takes the whole screen. */
  #screenOf({ lines, start }: Caption): CaptionEvent {
    return { type: "screen", target: this.#language, lines, at: start };
  }
}
