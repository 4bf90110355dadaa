// What viewers of a room are sent, and what a room is to those who ask: the schema of each.
import { z } from "zod";
import { NAME_MAX_LENGTH } from "./limits.ts";

const ROOM_RULE = "must be a room's name: lower-case letters and digits, with hyphens between them";

/** A room's name: what a URL, a topic and a subject of NATS can hold as it is. */
export const roomNameSchema = z
  .string(ROOM_RULE)
  .regex(/^[a-z0-9]+(?:-[a-z0-9]+)*$/, ROOM_RULE)
  .max(NAME_MAX_LENGTH, `must be at most ${NAME_MAX_LENGTH} characters`);

const count = z.int().min(0);
/** Unix time. */
const milliseconds = z.number().min(0);

/** What a room is now. */
const roomState = {
  room: roomNameSchema,
  /** Whether somebody speaks there. */
  live: z.boolean(),
  /** Languages that can be watched; none before the first speaker. */
  source: z.string().optional(),
  targets: z.array(z.string()),
};

export const roomSchema = z.strictObject({
  type: z.literal("room"),
  ...roomState,
  /** The language that is watched. */
  target: z.string().optional(),
  /** Which numbering `seq` is of: with it, what a viewer that comes again says with `after`. */
  epoch: z.string(),
  /**
   * The number of the language's last message. What was open is forgotten: lines and open segments that the viewer lacks
   * follow, their numbers at most this one, and then what is new, from the next number on without a gap.
   */
  seq: count,
});

/** A segment of the translation, as viewers are told of it: `segment` and `seq` rise by one in each language of a room. */
const place = { segment: count, target: z.string(), seq: count };

export const roomDeltaSchema = z.strictObject({
  type: z.literal("delta"),
  ...place,
  /** Text to append to what the segment has. */
  text: z.string(),
  at: milliseconds,
});

export const roomFinalSchema = z.strictObject({
  type: z.literal("final"),
  ...place,
  /** The whole segment, and what the speaker said. */
  text: z.string(),
  source: z.string(),
  /** When its first word could be read, and its last. */
  start: milliseconds,
  end: milliseconds,
});

export const roomOpenSchema = z.strictObject({
  type: z.literal("open"),
  ...place,
  /** All that the segment has so far, in the place of what the viewer has of it. */
  text: z.string(),
  start: milliseconds,
});

export const roomMessageSchema = z.discriminatedUnion("type", [
  roomSchema,
  roomOpenSchema,
  roomDeltaSchema,
  roomFinalSchema,
]);

/** The answer of `GET /v1/rooms/{room}`. */
export const roomResponseSchema = z.strictObject({
  ...roomState,
  /** On this server, and on those that share the room with it. */
  viewers: count,
});

export type RoomStateMessage = z.infer<typeof roomSchema>;
export type RoomDelta = z.infer<typeof roomDeltaSchema>;
export type RoomFinal = z.infer<typeof roomFinalSchema>;
export type RoomOpen = z.infer<typeof roomOpenSchema>;
/** What is numbered: everything but the room's state. */
export type RoomLineMessage = RoomOpen | RoomDelta | RoomFinal;
export type RoomMessage = z.infer<typeof roomMessageSchema>;
export type RoomResponse = z.infer<typeof roomResponseSchema>;
