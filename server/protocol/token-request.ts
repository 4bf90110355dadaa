// The body of `POST /v1/token` and its answer.
import { z } from "zod";
import { languageSchema } from "./client-messages.ts";
import { ROOM_TOKEN_MAX_SECONDS, TARGETS_MAX, TOKEN_DEFAULT_SECONDS, TOKEN_MAX_SECONDS } from "./limits.ts";
import { roomNameSchema } from "./room-messages.ts";

const SECONDS_RULE = `must be a number of seconds from 1 to ${TOKEN_MAX_SECONDS}, or to ${ROOM_TOKEN_MAX_SECONDS} for one room`;
const LIST_RULE = "must be a list of languages";

const tokenFields = z.strictObject({
  /** How long streams may be opened with the token. */
  seconds: z
    .int(SECONDS_RULE)
    .min(1, SECONDS_RULE)
    .max(ROOM_TOKEN_MAX_SECONDS, SECONDS_RULE)
    .default(TOKEN_DEFAULT_SECONDS),
  /** The only source; any without it. */
  source: languageSchema.optional(),
  /** The only targets; any without it. */
  target: z
    .array(languageSchema, LIST_RULE)
    .min(1, LIST_RULE)
    .max(TARGETS_MAX * 4, LIST_RULE)
    .optional(),
  /** The only room, in which it lets one speak; without it, all streams. */
  room: roomNameSchema.optional(),
});

export const tokenRequestSchema = tokenFields.refine(
  ({ seconds, room }) => room !== undefined || seconds <= TOKEN_MAX_SECONDS,
  { error: SECONDS_RULE, path: ["seconds"] },
);

export const tokenResponseSchema = z.strictObject({
  token: z.string(),
  /** Seconds from now. */
  seconds: z.int(),
});

export type TokenRequest = z.infer<typeof tokenRequestSchema>;
export type TokenResponse = z.infer<typeof tokenResponseSchema>;
