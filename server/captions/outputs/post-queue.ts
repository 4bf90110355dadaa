// Posts to a platform, one after the other: bounded, tried again with randomised backoff, dropped when they are late.
import type { PostStatus } from "./caption-sink.ts";

/** What the other side made of a post: it has it, it may have it later, it will never have it. */
export type Verdict = "sent" | "retry" | "refused";

export interface PostQueueOptions<Item> {
  /** Makes one attempt. Rejecting counts as `retry`. */
  post(item: Item, signal: AbortSignal): Promise<Verdict>;
  onStatus(status: PostStatus): void;
  /** Posts that may wait; past it the oldest goes, since a live caption is worth less by the second. */
  limit?: number;
  /** From when an item came: what is not sent by then is dropped. */
  lateAfterMs?: number;
  /** In [0, 1). */
  random?(): number;
}

export const POST_LIMIT = 64;
/** "After approximately 5 seconds it makes more sense to move on": YouTube's and Zoom's documents alike. */
export const LATE_AFTER_MS = 5_000;
/** The first wait is at most this long; each next may be twice as long. */
const FIRST_BACKOFF_MS = 100;
const MAX_BACKOFF_MS = 2_000;

export class PostQueue<Item> {
  readonly #options: PostQueueOptions<Item>;
  readonly #waiting: { item: Item; at: number }[] = [];
  readonly #closing = new AbortController();
  #running: Promise<void> | undefined;

  constructor(options: PostQueueOptions<Item>) {
    this.#options = options;
  }

  get size(): number {
    return this.#waiting.length;
  }

  /** Takes an item and returns at once. */
  push(item: Item): void {
    if (this.#closing.signal.aborted) return;
    this.#waiting.push({ item, at: performance.now() });
    if (this.#waiting.length > (this.#options.limit ?? POST_LIMIT)) {
      this.#waiting.shift();
      this.#options.onStatus("full");
    }
    this.#running ??= this.#run();
  }

  /** Drops what waits and gives up what is under way. */
  async close(): Promise<void> {
    this.#waiting.length = 0;
    this.#closing.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      await this.#postUntilLate(next.item, next.at + (this.#options.lateAfterMs ?? LATE_AFTER_MS));
    }
    this.#running = undefined;
  }

  async #postUntilLate(item: Item, lateAt: number): Promise<void> {
    const { onStatus, random = Math.random } = this.#options;
    for (
      let longest = FIRST_BACKOFF_MS;
      !this.#closing.signal.aborted;
      longest = Math.min(2 * longest, MAX_BACKOFF_MS)
    ) {
      const leftMs = lateAt - performance.now();
      if (leftMs <= 0) {
        onStatus("late");
        return;
      }
      const verdict = await this.#attempt(item, leftMs);
      if (this.#closing.signal.aborted) return;
      onStatus(verdict === "retry" ? "retried" : verdict);
      if (verdict !== "retry") return;
      const pauseMs = Math.min(random() * longest, lateAt - performance.now());
      if (pauseMs > 0) await this.#pause(pauseMs);
    }
  }

  async #attempt(item: Item, leftMs: number): Promise<Verdict> {
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), leftMs);
    const stop = () => late.abort();
    this.#closing.signal.addEventListener("abort", stop, { once: true });
    try {
      return await this.#options.post(item, late.signal);
    } catch {
      return "retry";
    } finally {
      clearTimeout(timer);
      this.#closing.signal.removeEventListener("abort", stop);
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(done, ms);
      this.#closing.signal.addEventListener("abort", done, { once: true });
      const { signal } = this.#closing;
      function done() {
        clearTimeout(timer);
        signal.removeEventListener("abort", done);
        resolve();
      }
    });
  }
}
