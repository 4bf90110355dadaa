// What the server sends: the schema of every message of a stream.
import { z } from "zod";
import { waitSchema } from "./client-messages.ts";
import { ERROR_CODES } from "./close-codes.ts";
import { SUBPROTOCOL } from "./limits.ts";

const count = z.int().min(0);
const milliseconds = z.number().min(0);
const oneOrList = z.union([z.string(), z.array(z.string())]);

/** In a stream that can be resumed: the client's last `seq` that was read. */
const received = count.optional();

/** What else than text a stream says; counted where it can be resumed. */
const counts = {
  /** Counts all that the stream has said but `ready`, from 1, without gaps. Absent in what concerns the connection alone. */
  seq: count.optional(),
  received,
};

export const readySchema = z.strictObject({
  type: z.literal("ready"),
  session: z.string(),
  protocol: z.literal(SUBPROTOCOL),
  /** A list, in the order of the targets, where the stream has several; so has `target`. */
  model: oneOrList,
  source: z.string(),
  target: oneOrList,
  wait: waitSchema,
  /** With `resume`: milliseconds for which the stream outlives its connection. */
  resumeGraceMs: count.optional(),
  received,
  limits: z.strictObject({
    /** Bytes of one message of the client. */
    payloadBytes: count,
    /** Characters of one `text`. */
    textCharacters: count,
    /** Source tokens of one segment; a longer one is cut into segments by the server. */
    segmentTokens: count,
    /** Bytes that may wait to be read by the client. */
    outboxBytes: count,
    /** Milliseconds without a message after which the stream is closed; 0: never. */
    idleTimeoutMs: count,
  }),
});

export const deltaSchema = z.strictObject({
  type: z.literal("delta"),
  segment: count,
  target: z.string(),
  /** Text to append to what the segment has. */
  text: z.string(),
  /** Source words read when this was written. */
  read: count,
  /** Counts deltas and finals, from 1, without gaps; where the stream can be resumed, all that it has said. */
  seq: count,
  received,
  /** With timings: milliseconds since the word that allowed this text arrived, and two of its parts. */
  latency: milliseconds.optional(),
  queue: milliseconds.optional(),
  compute: milliseconds.optional(),
});

export const tentativeSchema = z.strictObject({
  type: z.literal("tentative"),
  segment: count,
  target: z.string(),
  /** What would be appended if the segment ended now, from what of it has been read. */
  text: z.string(),
});

export const finalSchema = z.strictObject({
  type: z.literal("final"),
  segment: count,
  target: z.string(),
  /** The source text of the segment. */
  source: z.string(),
  /** The concatenation of the segment's deltas. */
  text: z.string(),
  /** Milliseconds: the speaker's clock where `at` was given, else since the stream began. */
  start: milliseconds,
  end: milliseconds,
  seq: count,
  received,
  /** With timings: milliseconds from what ended the segment to this message. */
  latency: milliseconds.optional(),
  /** With timings: how far the translation was behind, in source words (average lagging, Ma et al. 2019). */
  averageLagging: z.number().optional(),
});

export const errorSchema = z.strictObject({
  type: z.literal("error"),
  code: z.enum(ERROR_CODES),
  message: z.string(),
  field: z.string().optional(),
  /** Which target it is about, where the stream has several. */
  target: z.string().optional(),
  fatal: z.boolean(),
  /** Seconds. */
  retryAfter: z.number().optional(),
  ...counts,
});

export const NOTICE_CODES = ["contradicted"] as const;

export const noticeSchema = z.strictObject({
  type: z.literal("notice"),
  code: z.enum(NOTICE_CODES),
  message: z.string(),
  ...counts,
});

export const pongSchema = z.strictObject({
  type: z.literal("pong"),
  id: z.union([z.string(), z.number()]).optional(),
  ...counts,
});

export const doneSchema = z.strictObject({
  type: z.literal("done"),
  segments: count,
  /** Source words read. */
  words: count,
  /** Milliseconds since the stream began. */
  duration: milliseconds,
  ...counts,
});

export const serverMessageSchema = z.discriminatedUnion("type", [
  readySchema,
  deltaSchema,
  tentativeSchema,
  finalSchema,
  errorSchema,
  noticeSchema,
  pongSchema,
  doneSchema,
]);

export type ReadyMessage = z.infer<typeof readySchema>;
export type DeltaMessage = z.infer<typeof deltaSchema>;
export type TentativeMessage = z.infer<typeof tentativeSchema>;
export type FinalMessage = z.infer<typeof finalSchema>;
export type ErrorMessage = z.infer<typeof errorSchema>;
export type NoticeMessage = z.infer<typeof noticeSchema>;
export type PongMessage = z.infer<typeof pongSchema>;
export type DoneMessage = z.infer<typeof doneSchema>;
export type ServerMessage = z.infer<typeof serverMessageSchema>;
