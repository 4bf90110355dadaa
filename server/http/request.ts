// One HTTP request, as both transports hand it to the router.
import type { Shown } from "../admission/caller.ts";

export interface HttpRequest {
  /** In capitals. */
  method: string;
  /** The path as it was sent, not decoded. */
  path: string;
  /** The part after `?`, without it. */
  query: string;
  /** A header by its lower-case name; "" where it was not sent. */
  header(name: string): string;
  /** Address of the socket's other end. */
  peer: string;
  /** Undefined where it is over the limit and was not kept. */
  body: Uint8Array | undefined;
  /** Aborted when the client has left without waiting for the answer. */
  signal: AbortSignal;
}

/** What the request shows of who it is from. */
export function shownBy({ query, peer, header }: HttpRequest): Shown {
  return {
    query,
    authorization: header("authorization"),
    origin: header("origin"),
    forwardedFor: header("x-forwarded-for"),
    peer,
  };
}
