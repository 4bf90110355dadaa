// One WebSocket of a load: opened, started, spoken into, ended.
import { performance } from "node:perf_hooks";
import { WebSocket } from "ws";
import { STREAM_PATH, SUBPROTOCOL } from "../server/protocol/limits.ts";
import type { LoadFigures } from "./load-figures.ts";
import { type ErrorFrame, readServerFrame } from "./server-frame.ts";
import type { StreamTracker } from "./stream-tracker.ts";

export interface LoadStreamOptions {
  url: string;
  start: { source: string; target: string; wait?: number | "full" };
  tracker: StreamTracker;
  figures: LoadFigures;
  /** Milliseconds of the run's clock. */
  now(): number;
}

/** No `ready` in this time and the stream counts as failed. */
const READY_TIMEOUT_MS = 20_000;
const COMMIT = JSON.stringify({ type: "commit" });
const END = JSON.stringify({ type: "end" });

/** The server's stream endpoint for an address; a path of its own is kept. */
export function streamUrl(address: string): string {
  const url = new URL(address);
  if (url.pathname === "/") url.pathname = STREAM_PATH;
  return url.href;
}

/** One stream; its words, latencies and errors go to the tracker and the figures. */
export class LoadStream {
  readonly #options: LoadStreamOptions;
  readonly #socket: WebSocket;
  readonly #openedAt = performance.now();
  #ready: { resolve(): void; reject(reason: Error): void } | undefined;
  #closed: () => void = () => {};
  #wasReady = false;
  #done = false;

  /** Resolves when the connection is closed, by whomever. */
  readonly closed = new Promise<void>((resolve) => {
    this.#closed = resolve;
  });

  constructor(options: LoadStreamOptions) {
    this.#options = options;
    this.#socket = new WebSocket(options.url, SUBPROTOCOL, {
      perMessageDeflate: false,
      handshakeTimeout: READY_TIMEOUT_MS,
    });
    this.#socket.on("open", () => {
      this.#socket.send(JSON.stringify({ type: "start", ...options.start, timings: true }));
    });
    this.#socket.on("message", (data, isBinary) => {
      if (isBinary) this.#options.figures.violations.frame += 1;
      else this.#receive(data.toString());
    });
    this.#socket.on("error", (error) => this.#fail(error));
    this.#socket.on("close", (code) => {
      if (code !== 1000 && this.#wasReady) this.#options.figures.countError(`close ${code}`);
      this.#ready?.reject(new Error(`closed with ${code} before ready`));
      this.#ready = undefined;
      this.#closed();
    });
  }

  /** The server has said `done`: all that was sent is translated. */
  get done(): boolean {
    return this.#done;
  }

  /** Waits for `ready`. @throws Error when the connection fails, is refused, or nothing comes for 20 s. */
  async ready(): Promise<void> {
    const timer = setTimeout(() => this.#fail(new Error("no ready in time")), READY_TIMEOUT_MS);
    try {
      await new Promise<void>((resolve, reject) => {
        this.#ready = { resolve, reject };
      });
      this.#options.figures.connect.record(performance.now() - this.#openedAt);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Sends a word; `frame` is the `text` message. A stream that is closed already sends nothing. */
  speak(frame: string, endsSentence: boolean): void {
    if (this.#socket.readyState !== WebSocket.OPEN) return;
    this.#options.tracker.wordSent();
    this.#socket.send(frame);
    if (endsSentence) this.#socket.send(COMMIT);
  }

  end(): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(END);
  }

  /** Drops the connection without a word. */
  abandon(): void {
    this.#socket.terminate();
  }

  #receive(data: string): void {
    const { figures, tracker } = this.#options;
    const arrivedMs = this.#options.now();
    const frame = readServerFrame(data);
    if (frame === undefined) {
      figures.violations.frame += 1;
      return;
    }
    if (frame.type === "delta" || frame.type === "final") tracker.receive(frame, arrivedMs);
    else if (frame.type === "error") this.#receiveError(frame);
    else if (frame.type === "done") this.#done = true;
    else if (frame.type === "ready") {
      this.#wasReady = true;
      this.#ready?.resolve();
      this.#ready = undefined;
    }
  }

  #receiveError(frame: ErrorFrame): void {
    if (this.#wasReady) this.#options.figures.countError(frame.code);
    this.#ready?.reject(new Error(`refused: ${frame.code}`));
    this.#ready = undefined;
  }

  #fail(error: Error): void {
    // Before ready the failure is the caller's to count.
    if (this.#wasReady) this.#options.figures.countError(error.message);
    this.#ready?.reject(error);
    this.#ready = undefined;
    this.#socket.terminate();
  }
}
