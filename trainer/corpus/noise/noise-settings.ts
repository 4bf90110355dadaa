// What is done to source texts, and how often, so that they read as a recogniser or a hasty typist writes them.
import { z } from "zod";

const rate = z.number().min(0).max(1);

export const noiseSchema = z.strictObject({
  /** Share of the training pairs whose source is noisy; the kinds below are rates within them. */
  share: rate.default(0),
  /** Noisy versions of each sentence; an epoch draws from all of them. */
  copies: z.int().min(1).max(20).default(2),
  /** Of sentences: all in lower case. */
  lowerCase: rate.default(0.4),
  /** Of sentences: no punctuation at all. */
  noPunctuation: rate.default(0.4),
  /** Of marks, in the other sentences: dropped, or another one. A tenth of it of the words without one: a comma or full stop too many. */
  wrongPunctuation: rate.default(0.1),
  /** Of words: two letters swapped, one dropped, doubled, or the neighbour on the keyboard. */
  typos: rate.default(0.02),
  /** Of words: said twice. */
  repeats: rate.default(0.02),
  /** Of sentences: begun, broken off and begun again. */
  falseStarts: rate.default(0.08),
  /** Of the places between words: "uh", "you know". */
  fillers: rate.default(0.03),
  /** Of numbers: in words. */
  spelledNumbers: rate.default(0.5),
  /** Of sentences: followed by another one without a full stop or a capital; the target keeps both. */
  runTogether: rate.default(0.1),
});

export type NoiseSettings = z.output<typeof noiseSchema>;

/** The noise of noisy test sets: the defaults, whatever a model was trained with, so that figures can be compared. */
export const TEST_NOISE: NoiseSettings = noiseSchema.parse({ share: 1 });
