// The body of `POST /v1/translate` and its answer.
import { z } from "zod";
import { languageSchema, modelSchema, settingsShape, waitSchema } from "./client-messages.ts";
import { TRANSLATE_MAX_TEXTS } from "./limits.ts";

const texts = z.union(
  [
    z.string(),
    z
      .array(z.string("must be a string"))
      .min(1, "must have at least one text")
      .max(TRANSLATE_MAX_TEXTS, `must have at most ${TRANSLATE_MAX_TEXTS} texts`),
  ],
  "must be a string or a list of strings",
);

export const translateRequestSchema = z.strictObject({
  source: languageSchema,
  target: languageSchema,
  text: texts,
  wait: waitSchema.optional(),
  model: modelSchema.optional(),
  glossary: settingsShape.glossary,
  formality: settingsShape.formality,
});

export const translateResponseSchema = z.strictObject({
  model: z.string(),
  source: z.string(),
  target: z.string(),
  wait: waitSchema,
  /** A string for a string, a list of the same length for a list. */
  text: z.union([z.string(), z.array(z.string())]),
});

export type TranslateRequest = z.infer<typeof translateRequestSchema>;
export type TranslateResponse = z.infer<typeof translateResponseSchema>;
