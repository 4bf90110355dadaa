// One HTTP response, as the router hands it to both transports, and the kinds there are.
import { ERROR_RULES, type ErrorCode } from "../protocol/close-codes.ts";
import { ProtocolError } from "../protocol/protocol-error.ts";

/** Where a body is written that goes on for as long as its client stays. */
export interface OpenBody {
  /** Bytes that the client has not taken yet. */
  readonly bufferedBytes: number;
  write(text: string): void;
  /** Ends the connection. */
  close(): void;
}

export interface HttpResponse {
  status: number;
  /** Lower-case names; no content-length, the transport knows it. */
  headers: Record<string, string>;
  body: string | Uint8Array;
  /** In the place of a body: told where to write one that goes on. @returns called once when the client has gone */
  open?: ((body: OpenBody) => () => void) | undefined;
  /** The code of the error that the body tells of, to be counted. */
  error?: ErrorCode | undefined;
}

/** The live page loads nothing from elsewhere and opens streams only; nobody frames it. */
const SECURITY_HEADERS = {
  "content-security-policy":
    "default-src 'self'; connect-src 'self' ws: wss:; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
};

/** A response of any type, with the security headers. */
export function respond(
  status: number,
  contentType: string,
  body: string | Uint8Array,
  headers: Record<string, string> = {},
): HttpResponse {
  return {
    status,
    headers: { "content-type": contentType, "cache-control": "no-store", ...SECURITY_HEADERS, ...headers },
    body,
  };
}

export function respondText(status: number, text: string): HttpResponse {
  return respond(status, "text/plain; charset=utf-8", text);
}

export function respondJson(status: number, value: unknown, headers: Record<string, string> = {}): HttpResponse {
  return respond(status, "application/json; charset=utf-8", `${JSON.stringify(value)}\n`, headers);
}

/** `{error: {code, message, field?}}`, with the status of the code unless another one is more exact. */
export function respondError(
  error: ProtocolError,
  status = ERROR_RULES[error.code].status as number,
  headers: Record<string, string> = {},
): HttpResponse {
  const retry: Record<string, string> =
    error.retryAfter === undefined ? {} : { "retry-after": String(Math.ceil(error.retryAfter)) };
  return { ...respondJson(status, { error: error.details }, { ...retry, ...headers }), error: error.code };
}

/** An error that has no code of its own in the protocol (404, 405, 415 and such). */
export function respondProblem(status: number, message: string, headers: Record<string, string> = {}): HttpResponse {
  return respondError(new ProtocolError("bad_request", message), status, headers);
}

/** The words after the number in a status line. */
export const STATUS_TEXT: Record<number, string> = {
  200: "OK",
  304: "Not Modified",
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  408: "Request Timeout",
  413: "Payload Too Large",
  415: "Unsupported Media Type",
  426: "Upgrade Required",
  429: "Too Many Requests",
  500: "Internal Server Error",
  503: "Service Unavailable",
};
