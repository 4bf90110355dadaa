// All streams of a server: how many there are, which are idle, and how they end together.
import { Link } from "./link.ts";
import { Stream } from "./stream.ts";
import type { StreamHost } from "./stream-host.ts";
import type { Connection, ConnectionHandler, StreamRequest } from "./transport.ts";

export class StreamGroup {
  readonly #host: StreamHost;
  readonly #streams = new Map<string, Stream>();
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
    for (const stream of this.#streams.values()) bytes += stream.bufferedBytes;
    return bytes;
  }

  open(connection: Connection, request: StreamRequest): ConnectionHandler {
    const link = new Link(
      connection,
      () => this.#host.now(),
      (code) => this.#host.onDisconnected(code),
    );
    const stream = new Stream(this.#host, link, request);
    link.stream = stream;
    this.#streams.set(stream.id, stream);
    return link;
  }

  delete({ id }: Pick<Stream, "id">): void {
    this.#streams.delete(id);
    if (this.#streams.size === 0) this.#onEmpty?.();
  }

  /** Looks at all streams from time to time: one timer, so that thousands of idle streams cost nothing. */
  watch(): void {
    const { idleTimeoutMs, resumables } = this.#host;
    const shortest = Math.min(...[idleTimeoutMs, resumables.limits.graceMs, 4_000].filter((limitMs) => limitMs > 0));
    this.#watch = setInterval(
      () => {
        for (const stream of this.#streams.values()) stream.check();
        resumables.sweep(this.#host.now());
      },
      Math.max(10, shortest / 4),
    ).unref();
  }

  /**
   * Lets every stream finish what is open, then closes it; those not done in time are closed as they are.
   * @returns how many were
   */
  async drain(limitMs: number): Promise<number> {
    clearInterval(this.#watch);
    this.#host.resumables.clear();
    for (const stream of this.#streams.values()) stream.drain();
    await this.gone(limitMs);
    const unfinished = [...this.#streams.values()].filter((stream) => !stream.ended);
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
