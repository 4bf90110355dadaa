// How many training pairs come with placeholders, and for what.
import { z } from "zod";

const rate = z.number().min(0).max(1);

export const placeholdersSchema = z.strictObject({
  /** Of the training pairs: those with placeholders. 0 teaches none. */
  share: rate.default(0),
  /** Of those: the ones where placeholders stand for words that translate each other, as a glossary's terms do. */
  terms: rate.default(0.6),
});

export type PlaceholderSettings = z.output<typeof placeholdersSchema>;
