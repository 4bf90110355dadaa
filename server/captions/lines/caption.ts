// What comes out of line making: whole captions with their times, and the rolling screen as it is now.
import type { CaptionWord } from "./caption-word.ts";

/** Lines that are shown together for a while. Never changed once it is out. */
export interface Caption {
  type: "caption";
  /** Counts the captions of one channel and target from 0. */
  index: number;
  /** Language tag. */
  target: string;
  lines: string[];
  /** Milliseconds of the clock that the words' times are on. */
  start: number;
  end: number;
  /** How fast it has to be read: columns a second over its time on the screen. */
  readingSpeed: number;
  /** From when its first word was there to when it is shown: milliseconds. */
  delay: number;
}

/** What a rolling screen shows now; each replaces the one before. */
export interface CaptionScreen {
  type: "screen";
  target: string;
  /** The oldest first; the last one still grows. */
  lines: string[];
  /** When its last word was there. */
  at: number;
}

export type CaptionEvent = Caption | CaptionScreen;

/** A word of the translation and when it was there. */
export interface TimedWord extends CaptionWord {
  at: number;
}
