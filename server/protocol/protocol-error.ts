// One thing a client did wrong, or that the server cannot do: code, message and the field it is about.
import { ERROR_RULES, type ErrorCode } from "./close-codes.ts";

/** The parts of an error as it travels, in a WebSocket frame or an HTTP body. */
export interface ErrorDetails {
  code: ErrorCode;
  message: string;
  field?: string;
  /** Which target it is about, where the stream has several. */
  target?: string;
  /** Seconds to wait before trying again. */
  retryAfter?: number;
}

/** An error whose message may be shown to the client as it is. Never carries the user's text. */
export class ProtocolError extends Error {
  readonly code: ErrorCode;
  readonly field: string | undefined;
  readonly target: string | undefined;
  readonly retryAfter: number | undefined;
  readonly fatal: boolean;

  /** @param options.fatal where it is not what the table says: an error that nothing can follow is fatal, whatever its code */
  constructor(
    code: ErrorCode,
    message: string,
    options: { field?: string; target?: string; retryAfter?: number; fatal?: boolean; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "ProtocolError";
    this.code = code;
    this.field = options.field;
    this.target = options.target;
    this.retryAfter = options.retryAfter;
    this.fatal = options.fatal ?? ERROR_RULES[code].fatal;
  }

  get details(): ErrorDetails {
    return {
      code: this.code,
      message: this.message,
      ...(this.field === undefined ? {} : { field: this.field }),
      ...(this.target === undefined ? {} : { target: this.target }),
      ...(this.retryAfter === undefined ? {} : { retryAfter: this.retryAfter }),
    };
  }
}

/** What the client is told of any error: a fault of ours says no more than that. */
export function toProtocolError(error: unknown): ProtocolError {
  if (error instanceof ProtocolError) return error;
  return new ProtocolError("internal", "the server failed; the fault is in its log", { cause: error });
}
