// What travels on a stream, as the client sees it. The server's schemas are the source: a test holds these to them.

/** How far the translation stays behind: source tokens, or `"full"` (the whole segment first). */
export type Wait = number | "full";

/** A term and how it is to be translated; `language` says for which of several targets. */
export interface GlossaryTerm {
  source: string;
  target: string;
  language?: string;
}

/** What a stream is asked for. */
export interface StreamSettings {
  /** Language that is spoken, such as `"en"`. */
  source: string;
  /** Language to translate to, or up to five of them. */
  target: string | string[];
  wait?: Wait;
  /** A model by its name, or one for each target. */
  model?: string | string[];
  /** Whether deltas and finals carry their times. */
  timings?: boolean;
  /** Whether the stream also says what would follow if the speaker stopped now. */
  tentative?: boolean;
  glossary?: GlossaryTerm[];
  formality?: "formal" | "informal";
  /** The caption output that is fed, by its name in the server's configuration. */
  captions?: string;
  /** The room that the stream speaks in. */
  room?: string;
}

/** Appends text. */
export interface TextMessage {
  type: "text";
  text: string;
  /** Milliseconds of the speaker's clock. */
  at?: number;
}

/** A recogniser's whole hypothesis of what was said since the last `commit`. */
export interface ReviseMessage {
  type: "revise";
  text: string;
  /** Characters of `text`, in UTF-16 units, that will not change. */
  stable?: number;
  at?: number;
}

export interface CommitMessage {
  type: "commit";
}

export interface EndMessage {
  type: "end";
}

export interface PingMessage {
  type: "ping";
  id?: string | number;
}

/** What is said in a stream, in its order. */
export type SaidMessage = TextMessage | ReviseMessage | CommitMessage | EndMessage;

/** The stream is open. */
export interface ReadyMessage {
  type: "ready";
  session: string;
  protocol: "souffleur.v1";
  model: string | string[];
  source: string;
  target: string | string[];
  wait: Wait;
  /** Where the stream can be resumed: milliseconds for which it outlives its connection. */
  resumeGraceMs?: number;
  received?: number;
  limits: {
    payloadBytes: number;
    textCharacters: number;
    segmentTokens: number;
    outboxBytes: number;
    idleTimeoutMs: number;
  };
}

/** Text to append to the translation of a segment. */
export interface DeltaMessage {
  type: "delta";
  segment: number;
  target: string;
  text: string;
  /** Words of the segment's source that were read when this was written. */
  read: number;
  seq: number;
  received?: number;
  latency?: number;
  queue?: number;
  compute?: number;
}

/** What would be appended to the segment if it ended now; takes the place of the one before, and a delta takes it away. */
export interface TentativeMessage {
  type: "tentative";
  segment: number;
  target: string;
  text: string;
}

/** A segment is complete: its `text` is the concatenation of its deltas. */
export interface FinalMessage {
  type: "final";
  segment: number;
  target: string;
  source: string;
  text: string;
  /** Milliseconds of the speaker's clock where `at` was given, else since the stream began. */
  start: number;
  end: number;
  seq: number;
  received?: number;
  latency?: number;
  averageLagging?: number;
}

/** The codes of the server's errors. */
export type ErrorCode =
  | "bad_message"
  | "bad_request"
  | "unauthorized"
  | "forbidden_origin"
  | "unsupported_pair"
  | "too_large"
  | "rate_limited"
  | "overloaded"
  | "idle_timeout"
  | "slow_consumer"
  | "resume_failed"
  | "taken_over"
  | "shutting_down"
  | "internal";

export interface ErrorMessage {
  type: "error";
  code: ErrorCode;
  message: string;
  field?: string;
  target?: string;
  fatal: boolean;
  /** Seconds. */
  retryAfter?: number;
  /** Where the stream can be resumed: number of this message, and of the last of the client's that was read. */
  seq?: number;
  received?: number;
}

/** Something worth knowing that changes nothing. */
export interface NoticeMessage {
  type: "notice";
  code: "contradicted";
  message: string;
  seq?: number;
  received?: number;
}

export interface PongMessage {
  type: "pong";
  id?: string | number;
  seq?: number;
  received?: number;
}

/** The last message of a stream that was ended. */
export interface DoneMessage {
  type: "done";
  segments: number;
  words: number;
  /** Milliseconds since the stream began. */
  duration: number;
  seq?: number;
  received?: number;
}

export type ServerMessage =
  | ReadyMessage
  | DeltaMessage
  | TentativeMessage
  | FinalMessage
  | ErrorMessage
  | NoticeMessage
  | PongMessage
  | DoneMessage;

/** The fields without which a message of its type cannot be used. */
const NEEDED: Record<ServerMessage["type"], Record<string, "string" | "number" | "boolean" | "object">> = {
  ready: { session: "string", limits: "object" },
  delta: { segment: "number", target: "string", text: "string" },
  tentative: { segment: "number", target: "string", text: "string" },
  final: { segment: "number", target: "string", source: "string", text: "string" },
  error: { code: "string", message: "string", fatal: "boolean" },
  notice: { code: "string", message: "string" },
  pong: {},
  done: { segments: "number" },
};

/**
 * A frame as a message; undefined for what this version does not know, which a later server may well send.
 * @throws SyntaxError where the frame is no message at all
 */
export function readServerMessage(frame: unknown): ServerMessage | undefined {
  const value: unknown = typeof frame === "string" ? JSON.parse(frame) : undefined;
  if (typeof value !== "object" || value === null || !("type" in value)) throw new SyntaxError("not a message");
  return isServerMessage(value) ? value : undefined;
}

function isServerMessage(value: object & { type: unknown }): value is ServerMessage {
  const { type } = value;
  if (typeof type !== "string" || !Object.hasOwn(NEEDED, type)) return false;
  const fields: Record<string, unknown> = { ...value };
  return Object.entries(NEEDED[type as ServerMessage["type"]]).every(
    ([name, kind]) => typeof fields[name] === kind && fields[name] !== null,
  );
}
