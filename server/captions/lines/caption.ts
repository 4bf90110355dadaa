// What comes out of line making: whole captions with their times, and the rolling screen as it is now.
import type { z } from "zod";
import type { captionEventSchema, captionSchema, captionScreenSchema } from "../../protocol/caption-events.ts";
import type { CaptionWord } from "./caption-word.ts";

/** Lines that are shown together for a while. Never changed once it is out. Times are on the clock of the words' times. */
export type Caption = z.infer<typeof captionSchema>;

/** What a rolling screen shows now; each replaces the one before. */
export type CaptionScreen = z.infer<typeof captionScreenSchema>;

export type CaptionEvent = z.infer<typeof captionEventSchema>;

/** A word of the translation and when it was there. */
export interface TimedWord extends CaptionWord {
  at: number;
}
