// What ends a stream, or refuses a call: a code to decide by and a sentence to show.
import type { ErrorCode, ErrorMessage } from "./messages.ts";

/**
 * The server's own codes, and the client's: `connection` (no server was reached, for as long as was asked), `lost` (the
 * connection went and the stream may not come back), `closed` (the stream is over), `mixed` (text and hypotheses without a
 * commit between them), `too_long`, `buffer_full`, `unread`, `no_websocket`, `token`.
 */
export type ClientErrorCode =
  | ErrorCode
  | "connection"
  | "lost"
  | "closed"
  | "mixed"
  | "too_long"
  | "buffer_full"
  | "unread"
  | "no_websocket"
  | "token";

export class ClientError extends Error {
  override readonly name = "ClientError";
  readonly code: ClientErrorCode;
  /** Which setting the server is speaking of. */
  readonly field: string | undefined;
  /** Seconds after which the server would be asked again. */
  readonly retryAfter: number | undefined;

  constructor(
    code: ClientErrorCode,
    message: string,
    options: { field?: string; retryAfter?: number; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.field = options.field;
    this.retryAfter = options.retryAfter;
  }

  static of({ code, message, field, retryAfter }: ErrorMessage): ClientError {
    return new ClientError(code, message, { field, retryAfter });
  }
}
