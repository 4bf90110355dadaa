// One connection and the stream that it carries: where a connection resumes a stream, that takes the place of its own.
import type { CloseCode } from "../protocol/close-codes.ts";
import { Outbox } from "./outbox.ts";
import type { Connection, ConnectionHandler } from "./transport.ts";

/** What a stream does with its connection's events. */
export interface LinkedStream {
  message(frame: string | Uint8Array): void;
  /** The connection is gone. */
  unlinked(code: number): void;
}

export class Link implements ConnectionHandler {
  /** Undefined once another connection carries it: then what still comes is not read. */
  stream: LinkedStream | undefined;
  readonly #connection: Connection;
  readonly #outbox: Outbox;
  readonly #onClosed: (code: number) => void;

  /**
   * @param now milliseconds, monotonic
   * @param onClosed told of the connection's end, whatever it carried
   */
  constructor(connection: Connection, now: () => number, onClosed: (code: number) => void) {
    this.#connection = connection;
    this.#outbox = new Outbox(connection, now);
    this.#onClosed = onClosed;
  }

  get bufferedBytes(): number {
    return this.#connection.bufferedBytes;
  }

  message(frame: string | Uint8Array): void {
    this.stream?.message(frame);
  }

  closed(code: number): void {
    this.#onClosed(code);
    this.stream?.unlinked(code);
  }

  /** Sends a frame, or gives why the client is too slow for it: then the frame was not sent. */
  send(frame: string): string | undefined {
    return this.#outbox.send(frame);
  }

  /** Why the client is too slow. To be asked from time to time. */
  stalled(): string | undefined {
    return this.#outbox.stalled();
  }

  /**
   * Closes the connection, after a last frame where there is one.
   * @param timeoutMs how long the closing handshake may take, where it is not the transport's usual time
   */
  close(code: CloseCode, reason: string, { last, timeoutMs }: { last?: string; timeoutMs?: number } = {}): void {
    if (last !== undefined) this.#outbox.sendLast(last);
    if (timeoutMs === undefined) this.#connection.close(code, reason);
    else this.#connection.close(code, reason, timeoutMs);
  }
}
