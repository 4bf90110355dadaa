// All streams of a server: how many there are, which are idle, and how they end together.
import { Stream, type StreamHost } from "./stream.ts";
import type { Connection, StreamRequest } from "./transport.ts";

export class StreamGroup {
  readonly #host: StreamHost;
  readonly #streams = new Set<Stream>();
  #watch: NodeJS.Timeout | undefined;
  #onEmpty: (() => void) | undefined;

  constructor(host: StreamHost) {
    this.#host = host;
  }

  get size(): number {
    return this.#streams.size;
  }

  /** Bytes that wait in all outboxes. */
  get bufferedBytes(): number {
    let bytes = 0;
    for (const stream of this.#streams) bytes += stream.bufferedBytes;
    return bytes;
  }

  open(connection: Connection, request: StreamRequest): Stream {
    const stream = new Stream(this.#host, connection, request);
    this.#streams.add(stream);
    return stream;
  }

  delete(stream: Stream): void {
    this.#streams.delete(stream);
    if (this.#streams.size === 0) this.#onEmpty?.();
  }

  /** Looks at all streams from time to time: one timer, so that thousands of idle streams cost nothing. */
  watch(): void {
    const { idleTimeoutMs } = this.#host;
    const everyMs = Math.max(10, Math.min(1_000, idleTimeoutMs > 0 ? idleTimeoutMs / 4 : 1_000));
    this.#watch = setInterval(() => {
      for (const stream of this.#streams) stream.check();
    }, everyMs).unref();
  }

  /**
   * Lets every stream finish what is open, then closes it; those not done in time are closed as they are.
   * @returns how many were
   */
  async drain(limitMs: number): Promise<number> {
    clearInterval(this.#watch);
    for (const stream of this.#streams) stream.drain();
    await this.gone(limitMs);
    const unfinished = [...this.#streams].filter((stream) => !stream.ended);
    for (const stream of unfinished) stream.shutDown();
    return unfinished.length;
  }

  /** Resolves when no connection is left, at the latest after the limit. */
  gone(limitMs: number): Promise<void> {
    if (this.#streams.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, limitMs);
      this.#onEmpty = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
