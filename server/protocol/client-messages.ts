// What a client may send: the schemas of every message and setting, with their limits.
import { z } from "zod";
import { glossarySchema } from "../../models/glossary.ts";
import { FORMALITIES } from "../../models/tags.ts";
import {
  CREDENTIAL_MAX_LENGTH,
  NAME_MAX_LENGTH,
  PING_ID_MAX_LENGTH,
  SESSION_MAX_LENGTH,
  TARGETS_MAX,
} from "./limits.ts";
import { roomNameSchema } from "./room-messages.ts";

export const languageSchema = z
  .string('must be a language code, such as "en"')
  .min(1, 'must be a language code, such as "en"')
  .max(NAME_MAX_LENGTH, `must be at most ${NAME_MAX_LENGTH} characters`);

const TARGET_RULE = 'must be a language code, such as "de", or a list of them';

const target = z.union(
  [
    languageSchema,
    z
      .array(languageSchema, TARGET_RULE)
      .min(1, "must name at least one language")
      .max(TARGETS_MAX, `must name at most ${TARGETS_MAX} languages`)
      .refine((codes) => new Set(codes).size === codes.length, "must name each language once"),
  ],
  TARGET_RULE,
);

const WAIT_RULE = 'must be an integer of 1 or more (tokens behind), or "full"';

/** How far the translation stays behind the source: source tokens, or "full" (the whole segment first). */
export const waitSchema = z.union([z.int(WAIT_RULE).min(1, WAIT_RULE), z.literal("full")], WAIT_RULE);

const MODEL_RULE = "must be a model's name";

export const modelSchema = z
  .string(MODEL_RULE)
  .min(1, MODEL_RULE)
  .max(NAME_MAX_LENGTH, `must be at most ${NAME_MAX_LENGTH} characters`);

const key = z
  .string("must be a key")
  .max(CREDENTIAL_MAX_LENGTH, `must be at most ${CREDENTIAL_MAX_LENGTH} characters`)
  .optional();

export const settingsShape = {
  source: languageSchema,
  target,
  wait: waitSchema.optional(),
  /** One for all targets, or one for each, in their order. */
  model: z.union([modelSchema, z.array(modelSchema).max(TARGETS_MAX)], `${MODEL_RULE}, or a list of them`).optional(),
  timings: z.boolean("must be true or false").optional(),
  /** The caption output that is fed, by its name in the server's configuration. */
  captions: z
    .string("must be the name of a caption output")
    .min(1, "must be the name of a caption output")
    .max(NAME_MAX_LENGTH, `must be at most ${NAME_MAX_LENGTH} characters`)
    .optional(),
  /** The room that the stream speaks in. */
  room: roomNameSchema.optional(),
  /** For clients that cannot set a header: the key, where the server needs one. */
  key,
  glossary: glossarySchema.optional(),
  formality: z.enum(FORMALITIES, 'must be "formal" or "informal"').optional(),
  /** Whether the stream shall outlive its connection for a while. */
  resume: z.boolean("must be true or false").optional(),
  /** Whether the client is told what would follow if the speaker stopped now. */
  tentative: z.boolean("must be true or false").optional(),
};

/** The settings of a stream, from `start` or from the query string. */
export const settingsSchema = z.strictObject(settingsShape);

export const startSchema = z.strictObject({ type: z.literal("start"), ...settingsShape });

const COUNT_RULE = "must be an integer of 0 or more";
const count = z.int(COUNT_RULE).min(0, COUNT_RULE);

/** What every message after `start` may have. Without `resume` they have no effect. */
const counts = {
  /** The client's own count of its messages, from 1. */
  seq: count.optional(),
  /** The server's last `seq` that the client has: what is up to it need not be kept. */
  received: count.optional(),
};

const SESSION_RULE = "must be the `session` of `ready`";

/** The first message of a connection that goes on with a stream whose own connection was lost. */
export const resumeSchema = z.strictObject({
  type: z.literal("resume"),
  session: z.string(SESSION_RULE).min(1, SESSION_RULE).max(SESSION_MAX_LENGTH, SESSION_RULE),
  /** The server's last `seq` that the client has; 0: none. */
  seq: count,
  key,
});

const at = z.number("must be a number of milliseconds").min(0, "must be 0 or more milliseconds").optional();

const STABLE_RULE = "must be a number of characters, 0 or more";

export const textSchema = z.strictObject({
  type: z.literal("text"),
  text: z.string("must be a string"),
  ...counts,
  at,
});

export const reviseSchema = z
  .strictObject({
    type: z.literal("revise"),
    /** The recogniser's whole hypothesis of what was said since the last `commit`. */
    text: z.string("must be a string"),
    ...counts,
    /** Characters of `text`, in UTF-16 units, that will not change. */
    stable: z.int(STABLE_RULE).min(0, STABLE_RULE).optional(),
    at,
  })
  .refine(({ text, stable = 0 }) => stable <= text.length, {
    error: "must be at most text's length",
    path: ["stable"],
  });

export const commitSchema = z.strictObject({ type: z.literal("commit"), ...counts });

export const endSchema = z.strictObject({ type: z.literal("end"), ...counts });

const PING_ID_RULE = `must be a number, or a string of at most ${PING_ID_MAX_LENGTH} characters`;

export const pingSchema = z.strictObject({
  type: z.literal("ping"),
  ...counts,
  id: z.union([z.string().max(PING_ID_MAX_LENGTH, PING_ID_RULE), z.number()], PING_ID_RULE).optional(),
});

export const clientMessageSchema = z.discriminatedUnion("type", [
  startSchema,
  resumeSchema,
  textSchema,
  reviseSchema,
  commitSchema,
  endSchema,
  pingSchema,
]);

export const CLIENT_MESSAGE_TYPES: readonly string[] = ["start", "resume", "text", "revise", "commit", "end", "ping"];

export type StreamSettings = Pick<
  z.infer<typeof settingsSchema>,
  | "source"
  | "target"
  | "wait"
  | "model"
  | "timings"
  | "key"
  | "captions"
  | "room"
  | "glossary"
  | "formality"
  | "resume"
  | "tentative"
>;
export type StartMessage = z.infer<typeof startSchema>;
export type ResumeMessage = z.infer<typeof resumeSchema>;
export type TextMessage = z.infer<typeof textSchema>;
export type ReviseMessage = z.infer<typeof reviseSchema>;
export type CommitMessage = z.infer<typeof commitSchema>;
export type EndMessage = z.infer<typeof endSchema>;
export type PingMessage = z.infer<typeof pingSchema>;
export type ClientMessage = z.infer<typeof clientMessageSchema>;
