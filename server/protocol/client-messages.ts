// What a client may send: the schemas of every message and setting, with their limits.
import { z } from "zod";
import { glossarySchema } from "../../models/glossary.ts";
import { FORMALITIES } from "../../models/tags.ts";
import { CREDENTIAL_MAX_LENGTH, NAME_MAX_LENGTH, PING_ID_MAX_LENGTH } from "./limits.ts";

export const NOT_YET = "is not supported by this server yet";

/** A field of a later version: refused by name, so that nobody believes it had an effect. */
const laterField = z.never({ error: NOT_YET }).optional();

const language = z
  .string('must be a language code, such as "en"')
  .min(1, 'must be a language code, such as "en"')
  .max(NAME_MAX_LENGTH, `must be at most ${NAME_MAX_LENGTH} characters`);

const target = z
  .union(
    [
      language,
      z
        .array(language)
        .refine((codes) => codes.length === 1, `must name one language: a list of any other length ${NOT_YET}`),
    ],
    'must be a language code, such as "de"',
  )
  .transform((codes) => (typeof codes === "string" ? codes : codes[0]));

const WAIT_RULE = 'must be an integer of 1 or more (tokens behind), or "full"';

/** How far the translation stays behind the source: source tokens, or "full" (the whole segment first). */
export const waitSchema = z.union([z.int(WAIT_RULE).min(1, WAIT_RULE), z.literal("full")], WAIT_RULE);

export const settingsShape = {
  source: language,
  target,
  wait: waitSchema.optional(),
  model: z
    .string("must be a model's name")
    .min(1, "must be a model's name")
    .max(NAME_MAX_LENGTH, `must be at most ${NAME_MAX_LENGTH} characters`)
    .optional(),
  timings: z.boolean("must be true or false").optional(),
  /** The caption output that is fed, by its name in the server's configuration. */
  captions: z
    .string("must be the name of a caption output")
    .min(1, "must be the name of a caption output")
    .max(NAME_MAX_LENGTH, `must be at most ${NAME_MAX_LENGTH} characters`)
    .optional(),
  /** For clients that cannot set a header: the key, where the server needs one. */
  key: z
    .string("must be a key")
    .max(CREDENTIAL_MAX_LENGTH, `must be at most ${CREDENTIAL_MAX_LENGTH} characters`)
    .optional(),
  glossary: glossarySchema.optional(),
  formality: z.enum(FORMALITIES, 'must be "formal" or "informal"').optional(),
  tentative: laterField,
  resume: laterField,
};

/** The settings of a stream, from `start` or from the query string. */
export const settingsSchema = z.strictObject(settingsShape);

export const startSchema = z.strictObject({ type: z.literal("start"), ...settingsShape });

const seq = z.int("must be an integer of 0 or more").min(0, "must be an integer of 0 or more").optional();

export const textSchema = z.strictObject({
  type: z.literal("text"),
  text: z.string("must be a string"),
  seq,
  at: z.number("must be a number of milliseconds").min(0, "must be 0 or more milliseconds").optional(),
});

export const commitSchema = z.strictObject({ type: z.literal("commit") });

export const endSchema = z.strictObject({ type: z.literal("end") });

const PING_ID_RULE = `must be a number, or a string of at most ${PING_ID_MAX_LENGTH} characters`;

export const pingSchema = z.strictObject({
  type: z.literal("ping"),
  id: z.union([z.string().max(PING_ID_MAX_LENGTH, PING_ID_RULE), z.number()], PING_ID_RULE).optional(),
});

export const clientMessageSchema = z.discriminatedUnion("type", [
  startSchema,
  textSchema,
  commitSchema,
  endSchema,
  pingSchema,
]);

/** Message types of later versions, refused by name. */
export const LATER_MESSAGE_TYPES: readonly string[] = ["revise"];

export const CLIENT_MESSAGE_TYPES: readonly string[] = ["start", "text", "commit", "end", "ping"];

export type StreamSettings = Pick<
  z.infer<typeof settingsSchema>,
  "source" | "target" | "wait" | "model" | "timings" | "key" | "captions" | "glossary" | "formality"
>;
export type StartMessage = z.infer<typeof startSchema>;
export type TextMessage = z.infer<typeof textSchema>;
export type CommitMessage = z.infer<typeof commitSchema>;
export type EndMessage = z.infer<typeof endSchema>;
export type PingMessage = z.infer<typeof pingSchema>;
export type ClientMessage = z.infer<typeof clientMessageSchema>;
