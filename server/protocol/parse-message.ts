// One frame of a client to a message, or to the error that says what is wrong with it.
import { CLIENT_MESSAGE_TYPES, type ClientMessage, clientMessageSchema } from "./client-messages.ts";
import { firstIssue } from "./first-issue.ts";
import { PAYLOAD_MAX_BYTES } from "./limits.ts";
import { choosePairs, type ServedPair } from "./pairs.ts";
import { ProtocolError, toProtocolError } from "./protocol-error.ts";

/** What a frame is judged against: whether the stream is open already, and what is served. */
export interface ParseContext {
  started: boolean;
  pairs: readonly ServedPair[];
}

export type ParsedMessage = { ok: true; message: ClientMessage } | { ok: false; error: ProtocolError };

/** What there is nothing to do with before there are settings. */
const NEEDS_START: readonly ClientMessage["type"][] = ["text", "revise", "commit"];

/**
 * Parses one frame. A string is a text frame; bytes are a binary frame, which this protocol does not have.
 * Every kind of bad input gives an error with code, message and, where there is one, the field; nothing throws.
 */
export function parseClientMessage(raw: string | Uint8Array, context: ParseContext): ParsedMessage {
  try {
    return { ok: true, message: parse(raw, context) };
  } catch (error) {
    return { ok: false, error: toProtocolError(error) };
  }
}

function parse(raw: string | Uint8Array, context: ParseContext): ClientMessage {
  if (byteLength(raw) > PAYLOAD_MAX_BYTES) throw tooLarge();
  if (typeof raw !== "string")
    throw new ProtocolError("bad_message", "binary frames are not part of this protocol: send JSON as text");
  const value = parseJson(raw);
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new ProtocolError("bad_message", "a message is a JSON object with a `type`");
  }
  const type = "type" in value ? value.type : undefined;
  if (typeof type !== "string" || !CLIENT_MESSAGE_TYPES.includes(type)) {
    throw new ProtocolError("bad_message", `type must be one of ${CLIENT_MESSAGE_TYPES.join(", ")}`, { field: "type" });
  }
  if ((type === "start" || type === "resume") && context.started)
    throw new ProtocolError("bad_request", "the stream is started already", { field: "type" });
  const parsed = clientMessageSchema.safeParse(value, { reportInput: true });
  if (!parsed.success) throw firstIssue(parsed.error, type === "start" ? "bad_request" : "bad_message");
  const message = parsed.data;
  if (message.type === "start") choosePairs(context.pairs, message);
  if (NEEDS_START.includes(message.type) && !context.started) {
    throw new ProtocolError("bad_request", `send \`start\` before \`${message.type}\``, { field: "type" });
  }
  return message;
}

/** The error for a message over the limit, also where the transport notices it first. */
export function tooLarge(): ProtocolError {
  return new ProtocolError(
    "too_large",
    `a message may have at most ${PAYLOAD_MAX_BYTES} bytes: send long text in parts`,
  );
}

function byteLength(raw: string | Uint8Array): number {
  if (typeof raw !== "string") return raw.byteLength;
  // A UTF-16 unit is 3 bytes of UTF-8 at most: most messages need no count.
  return raw.length * 3 <= PAYLOAD_MAX_BYTES ? raw.length : new TextEncoder().encode(raw).byteLength;
}

function parseJson(raw: string): unknown {
  try {
    return JSON.parse(raw);
  } catch {
    throw new ProtocolError("bad_message", "the frame is not JSON");
  }
}
