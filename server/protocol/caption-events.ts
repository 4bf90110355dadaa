// What those who watch captions are sent, as server-sent events and as JSON in the frames of a WebSocket.
import { z } from "zod";

const target = z.string().meta({ description: "Language tag" });
const lines = z.array(z.string()).meta({ description: "The oldest first" });
const unixTime = z.number().meta({ description: "Milliseconds of Unix time" });

/** Lines that are shown together for a while. Never changed once it is out. */
export const captionSchema = z.strictObject({
  type: z.literal("caption"),
  /** Counts the captions of one channel and target from 0. */
  index: z.int().nonnegative(),
  target,
  lines,
  start: unixTime,
  end: unixTime,
  readingSpeed: z.number().nonnegative().meta({ description: "Columns a second over its time on the screen" }),
  delay: z.number().meta({ description: "Milliseconds from when its first word was there to when it is shown" }),
});

/** What a rolling screen shows now; each replaces the one before. The last line still grows. */
export const captionScreenSchema = z.strictObject({ type: z.literal("screen"), target, lines, at: unixTime });

/** An event over a WebSocket: its number, with which one who comes again asks for what was missed. */
const id = z.int().positive();
export const captionFrameSchema = z.discriminatedUnion("type", [
  captionSchema.extend({ id }),
  captionScreenSchema.extend({ id }),
]);

export const captionEventSchema = z.discriminatedUnion("type", [captionSchema, captionScreenSchema]);
