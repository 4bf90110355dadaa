// One table of what can go wrong: each error code, whether it ends the stream, the close code, and whether to reconnect.

/** The close codes the server uses, what each means, and whether a client should connect again by itself. */
export const CLOSE_CODES = {
  1000: { text: "the stream is complete", reconnect: false },
  1001: { text: "the server is shutting down", reconnect: true },
  1008: { text: "refused: correct the request before connecting again", reconnect: false },
  1009: { text: "a message was too large", reconnect: false },
  1011: { text: "the server failed", reconnect: true },
  1013: { text: "try again later", reconnect: true },
} as const satisfies Record<number, { text: string; reconnect: boolean }>;

export type CloseCode = keyof typeof CLOSE_CODES;

/** What the server does about one error code. */
export interface ErrorRule {
  /**
   * A fatal error is sent in band, then the connection is closed. The others leave the stream as it was. The message's
   * own `fatal` is what counts: `too_large`, `overloaded` and `rate_limited` about one message only mean that it was
   * not taken, and an error in the query string is fatal whatever its code, since no message can correct it.
   */
  fatal: boolean;
  /** The close code that follows where the error is fatal. */
  close: CloseCode;
  /** The HTTP status of the same error. */
  status: number;
  meaning: string;
}

export const ERROR_RULES = {
  bad_message: {
    fatal: false,
    close: 1008,
    status: 400,
    meaning: "the frame is not a message of this protocol; it was ignored",
  },
  bad_request: {
    fatal: false,
    close: 1008,
    status: 400,
    meaning: "the settings are wrong or not available here, or the message came at the wrong time; it was ignored",
  },
  unauthorized: { fatal: true, close: 1008, status: 401, meaning: "a key is missing or wrong" },
  forbidden_origin: { fatal: true, close: 1008, status: 403, meaning: "pages of this origin may not connect" },
  unsupported_pair: { fatal: true, close: 1008, status: 404, meaning: "no model here translates this pair" },
  too_large: { fatal: true, close: 1009, status: 413, meaning: "the message is over the limit given in `ready`" },
  rate_limited: { fatal: true, close: 1013, status: 429, meaning: "too much in too short a time" },
  overloaded: {
    fatal: true,
    close: 1013,
    status: 503,
    meaning: "the server has all the streams it can serve, or is late with those",
  },
  idle_timeout: { fatal: true, close: 1008, status: 408, meaning: "no message came for too long" },
  slow_consumer: { fatal: true, close: 1013, status: 503, meaning: "the client does not read what it is sent" },
  resume_failed: {
    fatal: false,
    close: 1008,
    status: 404,
    meaning: "this stream cannot be gone on with here: it is over, or too much of it was missed",
  },
  taken_over: { fatal: true, close: 1008, status: 409, meaning: "another connection goes on with this stream" },
  shutting_down: {
    fatal: true,
    close: 1001,
    status: 503,
    meaning: "the server is going away; what was open was flushed",
  },
  internal: { fatal: true, close: 1011, status: 500, meaning: "a fault of the server" },
} as const satisfies Record<string, ErrorRule>;

export type ErrorCode = keyof typeof ERROR_RULES;

/** Errors that say "not here", "not you" or "not now", and nothing of how a request was written. */
const REFUSALS: readonly ErrorCode[] = [
  "unauthorized",
  "forbidden_origin",
  "rate_limited",
  "overloaded",
  "shutting_down",
  "unsupported_pair",
];

export function isRefusal(code: ErrorCode): boolean {
  return REFUSALS.includes(code);
}

export const ERROR_CODES = Object.keys(ERROR_RULES) as [ErrorCode, ...ErrorCode[]];
