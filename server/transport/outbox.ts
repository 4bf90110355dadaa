// What waits for one client: how much, and since when it has taken nothing. The transport holds the bytes; this watches them.
import { OUTBOX_MAX_BYTES, SLOW_CONSUMER_MS } from "../protocol/limits.ts";
import type { Connection } from "./transport.ts";

/** Kept free for the error that says why the stream ends. */
const LAST_WORDS_BYTES = 1_024;

export class Outbox {
  readonly #connection: Connection;
  readonly #now: () => number;
  #sentBytes = 0;
  #takenBytes = 0;
  /** When bytes were last taken, or began to wait. */
  #movedAt: number;

  /** @param now milliseconds, monotonic */
  constructor(connection: Connection, now: () => number) {
    this.#connection = connection;
    this.#now = now;
    this.#movedAt = now();
  }

  /** Sends a frame, or gives why the client is too slow for it: then the frame was not sent. */
  send(frame: string): string | undefined {
    const bytes = Buffer.byteLength(frame);
    if (this.#connection.bufferedBytes + bytes > OUTBOX_MAX_BYTES - LAST_WORDS_BYTES) {
      return `more than ${OUTBOX_MAX_BYTES} bytes would wait to be read`;
    }
    this.sendLast(frame);
    return undefined;
  }

  /** Sends the frame that the stream ends with, for which there is always room. */
  sendLast(frame: string): void {
    this.#sentBytes += Buffer.byteLength(frame);
    this.#connection.send(frame);
  }

  /** Why the client is too slow: it has taken nothing of what waits. To be asked from time to time. */
  stalled(): string | undefined {
    const waiting = this.#connection.bufferedBytes;
    const taken = this.#sentBytes - waiting;
    if (waiting === 0 || taken > this.#takenBytes) {
      this.#takenBytes = Math.max(taken, this.#takenBytes);
      this.#movedAt = this.#now();
    }
    if (this.#now() - this.#movedAt < SLOW_CONSUMER_MS) return undefined;
    return `nothing was read for ${SLOW_CONSUMER_MS / 1000} seconds while ${waiting} bytes waited`;
  }
}
