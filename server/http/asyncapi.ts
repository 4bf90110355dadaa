// The stream as an AsyncAPI 3.0 document, made from the schemas that parse its messages.
import type { z } from "zod";
import {
  commitSchema,
  endSchema,
  pingSchema,
  reviseSchema,
  settingsSchema,
  startSchema,
  textSchema,
} from "../protocol/client-messages.ts";
import { STREAM_PATH, SUBPROTOCOL } from "../protocol/limits.ts";
import {
  deltaSchema,
  doneSchema,
  errorSchema,
  finalSchema,
  noticeSchema,
  pongSchema,
  readySchema,
} from "../protocol/server-messages.ts";
import { API_INFO } from "./api-info.ts";
import { jsonSchemaOf } from "./json-schema.ts";

type Messages = Record<string, { summary: string; schema: z.ZodType }>;

/** What a client sends; by the message's name in the document. */
export const CLIENT_MESSAGES = {
  start: { summary: "Opens the stream; answered by `ready`", schema: startSchema },
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
  final: { summary: "A segment is complete in one target", schema: finalSchema },
  error: { summary: "Something was not taken, or the stream ends", schema: errorSchema },
  notice: { summary: "Something to know that changes nothing", schema: noticeSchema },
  pong: { summary: "The answer to `ping`", schema: pongSchema },
  done: { summary: "The last message of a stream that was ended", schema: doneSchema },
} satisfies Messages;

/** The document that `GET /v1/asyncapi.json` serves. Its operations are the server's: what clients send, it receives. */
export function asyncApiDocument(): object {
  const all: Messages = { ...CLIENT_MESSAGES, ...SERVER_MESSAGES };
  const inChannel = (messages: Messages) =>
    Object.keys(messages).map((name) => ({ $ref: `#/channels/stream/messages/${name}` }));
  const channel = { $ref: "#/channels/stream" };
  return {
    asyncapi: "3.0.0",
    info: { ...API_INFO, title: "Souffleur: streams" },
    defaultContentType: "application/json",
    channels: {
      stream: {
        address: STREAM_PATH,
        description: `A WebSocket with the subprotocol ${SUBPROTOCOL}. Every frame is one message as JSON text.`,
        messages: Object.fromEntries(Object.keys(all).map((name) => [name, { $ref: `#/components/messages/${name}` }])),
        bindings: {
          ws: { method: "GET", query: jsonSchemaOf(settingsSchema, "draft-7"), bindingVersion: "0.1.0" },
        },
      },
    },
    operations: {
      receive: { action: "receive", channel, summary: "What a client sends", messages: inChannel(CLIENT_MESSAGES) },
      send: { action: "send", channel, summary: "What the server sends", messages: inChannel(SERVER_MESSAGES) },
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
