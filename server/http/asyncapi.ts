// The stream as an AsyncAPI 3.0 document, made from the schemas that parse its messages.
import type { z } from "zod";
import {
  commitSchema,
  endSchema,
  pingSchema,
  resumeSchema,
  reviseSchema,
  settingsSchema,
  startSchema,
  textSchema,
} from "../protocol/client-messages.ts";
import { ROOMS_PATH, STREAM_PATH, SUBPROTOCOL } from "../protocol/limits.ts";
import { roomDeltaSchema, roomFinalSchema, roomOpenSchema, roomSchema } from "../protocol/room-messages.ts";
import {
  deltaSchema,
  doneSchema,
  errorSchema,
  finalSchema,
  noticeSchema,
  pongSchema,
  readySchema,
  tentativeSchema,
} from "../protocol/server-messages.ts";
import { API_INFO } from "./api-info.ts";
import { jsonSchemaOf } from "./json-schema.ts";

type Messages = Record<string, { summary: string; schema: z.ZodType }>;

/** What a client sends; by the message's name in the document. */
export const CLIENT_MESSAGES = {
  start: { summary: "Opens the stream; answered by `ready`", schema: startSchema },
  resume: { summary: "Goes on with a stream whose connection was lost; answered by `ready`", schema: resumeSchema },
  text: { summary: "Appends text to the source", schema: textSchema },
  revise: { summary: "A recogniser's whole hypothesis since the last `commit`", schema: reviseSchema },
  commit: { summary: "The segment is complete", schema: commitSchema },
  end: { summary: "The stream is complete: `done` and close code 1000 follow", schema: endSchema },
  ping: { summary: "Answered by `pong` at once", schema: pingSchema },
} satisfies Messages;

/** What the server sends. */
export const SERVER_MESSAGES = {
  ready: { summary: "The stream is open", schema: readySchema },
  delta: { summary: "Text to append to a segment's translation", schema: deltaSchema },
  tentative: { summary: "What would be appended if the segment ended now", schema: tentativeSchema },
  final: { summary: "A segment is complete in one target", schema: finalSchema },
  error: { summary: "Something was not taken, or the stream ends", schema: errorSchema },
  notice: { summary: "Something to know that changes nothing", schema: noticeSchema },
  pong: { summary: "The answer to `ping`", schema: pongSchema },
  done: { summary: "The last message of a stream that was ended", schema: doneSchema },
} satisfies Messages;

/** What viewers of a room are sent, and `error`. A type that streams have too has `Room` before it. */
export const ROOM_MESSAGES = {
  Room: { summary: "What the room is; what is open follows", schema: roomSchema },
  RoomOpen: { summary: "All that an open segment has", schema: roomOpenSchema },
  RoomDelta: { summary: "Text to append to an open segment", schema: roomDeltaSchema },
  RoomFinal: { summary: "A segment is complete", schema: roomFinalSchema },
} satisfies Messages;

/** The document that `GET /v1/asyncapi.json` serves. Its operations are the server's: what clients send, it receives. */
export function asyncApiDocument(): object {
  const ofStream: Messages = { ...CLIENT_MESSAGES, ...SERVER_MESSAGES };
  const ofRoom: Messages = { ...ROOM_MESSAGES, error: SERVER_MESSAGES.error };
  const all: Messages = { ...ofStream, ...ofRoom };
  const inChannel = (messages: Messages, of = "stream") =>
    Object.keys(messages).map((name) => ({ $ref: `#/channels/${of}/messages/${name}` }));
  const references = (messages: Messages) =>
    Object.fromEntries(Object.keys(messages).map((name) => [name, { $ref: `#/components/messages/${name}` }]));
  const channel = { $ref: "#/channels/stream" };
  return {
    asyncapi: "3.0.0",
    info: { ...API_INFO, title: "Souffleur: streams" },
    defaultContentType: "application/json",
    channels: {
      stream: {
        address: STREAM_PATH,
        description: `A WebSocket with the subprotocol ${SUBPROTOCOL}. Every frame is one message as JSON text.`,
        messages: references(ofStream),
        bindings: {
          ws: { method: "GET", query: jsonSchemaOf(settingsSchema, "draft-7"), bindingVersion: "0.1.0" },
        },
      },
      room: {
        address: `${ROOMS_PATH}{room}`,
        description: "A WebSocket for a viewer of a room. Every frame is one message as JSON text; nothing is read.",
        parameters: { room: { description: "The room's name: lower-case letters and digits, hyphens between them" } },
        messages: references(ofRoom),
        bindings: {
          ws: {
            method: "GET",
            query: {
              type: "object",
              properties: {
                target: { type: "string", description: "The language; without it only `Room` is sent" },
                after: {
                  type: "string",
                  description: "What the viewer has: `epoch` and `seq` with a full stop between",
                },
              },
            },
            bindingVersion: "0.1.0",
          },
        },
      },
    },
    operations: {
      receive: { action: "receive", channel, summary: "What a client sends", messages: inChannel(CLIENT_MESSAGES) },
      send: { action: "send", channel, summary: "What the server sends", messages: inChannel(SERVER_MESSAGES) },
      watch: {
        action: "send",
        channel: { $ref: "#/channels/room" },
        summary: "What a viewer of a room is sent",
        messages: inChannel(ofRoom, "room"),
      },
    },
    components: {
      messages: Object.fromEntries(
        Object.entries(all).map(([name, { summary, schema }]) => [
          name,
          { name, summary, payload: jsonSchemaOf(schema, "draft-7") },
        ]),
      ),
    },
  };
}
