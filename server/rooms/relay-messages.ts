// What servers that share rooms tell each other: the schema of each message, parsed as all that comes from outside.
import { z } from "zod";
import { roomDeltaSchema, roomFinalSchema, roomOpenSchema } from "../protocol/room-messages.ts";

const count = z.int().min(0);

const state = { live: z.boolean(), source: z.string().optional(), targets: z.array(z.string()) };

const historySchema = z.strictObject({
  epoch: z.string(),
  ...state,
  tracks: z.array(
    z.strictObject({
      target: z.string(),
      seq: count,
      next: count,
      messages: z.array(z.discriminatedUnion("type", [roomFinalSchema, roomOpenSchema])),
    }),
  ),
});

/** What a server says to all others that know a room. */
export const relayNewsSchema = z.discriminatedUnion("kind", [
  /** From the server of the speaker: what the room is, and the last number of each language; again and again. */
  z.strictObject({ kind: z.literal("state"), epoch: z.string(), ...state, seqs: z.record(z.string(), count) }),
  /** From the same: what was said. */
  z.strictObject({
    kind: z.literal("line"),
    epoch: z.string(),
    message: z.discriminatedUnion("type", [roomOpenSchema, roomDeltaSchema, roomFinalSchema]),
  }),
  /** From each server: how many watch there. */
  z.strictObject({ kind: z.literal("viewers"), server: z.string(), viewers: count }),
]);

/** What a server asks the one that has the room. */
export const relayQuestionSchema = z.discriminatedUnion("kind", [
  /** What has been said? Answered with a history. */
  z.strictObject({ kind: z.literal("ask") }),
  /** May this speaker of another server have the room? */
  z.strictObject({ kind: z.literal("claim"), key: z.string().optional(), address: z.string() }),
]);

export const relayAnswerSchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("history"), history: historySchema }),
  z.strictObject({ kind: z.literal("refused"), reason: z.string() }),
]);

export type RelayNews = z.infer<typeof relayNewsSchema>;
export type RelayQuestion = z.infer<typeof relayQuestionSchema>;
export type RelayAnswer = z.infer<typeof relayAnswerSchema>;
