// One HTTP request, as both transports hand it to the router.

export interface HttpRequest {
  /** In capitals. */
  method: string;
  /** The path as it was sent, not decoded. */
  path: string;
  /** The part after `?`, without it. */
  query: string;
  /** A header by its lower-case name; "" where it was not sent. */
  header(name: string): string;
  /** Undefined where it is over the limit and was not kept. */
  body: Uint8Array | undefined;
  /** Aborted when the client has left without waiting for the answer. */
  signal: AbortSignal;
}
