// What is said on its way to the server: first into a bounded buffer, then as far as the server takes it, and again where it is lost.
import { ClientError } from "./client-error.ts";
import { Frames } from "./frames.ts";
import { Ledger, weightOf } from "./ledger.ts";
import type { ReviseMessage, SaidMessage, TextMessage } from "./messages.ts";

/** Weight of text that may be under way without a final: under the server's own limit, so that none of it is refused. */
const WINDOW = 8_000;
/** Messages that may be under way unacknowledged. */
const IN_FLIGHT_MAX = 200;
/** Calls that may wait for room in the buffer. */
const WAITING_MAX = 1_000;
/** How soon a full socket is looked at again. */
const FULL_SOCKET_MS = 20;

/** Where it goes. */
export interface Outlet {
  /** Whether a connection is ready, and whether it takes a message now. */
  readonly ready: boolean;
  readonly writable: boolean;
  send(message: object): void;
}

interface Waiting {
  messages: SaidMessage[];
  resolve: () => void;
  reject: (error: unknown) => void;
}

export class Outgoing {
  readonly #outlet: Outlet;
  readonly #room: number;
  /** The last message of the server that has come. */
  readonly #lastSeq: () => number;
  readonly #frames = new Frames();
  readonly #ledger = new Ledger();
  #waiting: Waiting[] = [];
  /** The server acknowledges, and can take the session up again. */
  #acknowledged = false;
  #weightUnderWay = 0;
  #ended = false;
  #holding: ReturnType<typeof setTimeout> | undefined;
  #pumping: ReturnType<typeof setTimeout> | undefined;

  /** @param options.room characters that may wait to be sent before a call waits */
  constructor(outlet: Outlet, options: { room: number; lastSeq: () => number }) {
    this.#outlet = outlet;
    this.#room = options.room;
    this.#lastSeq = options.lastSeq;
  }

  /** Resolves when there is room for it. Rejects with ClientError `buffer_full`, `mixed` or `closed`. */
  say(messages: SaidMessage[]): Promise<void> {
    if (this.#ended) {
      return Promise.reject(new ClientError("closed", "the stream is over: nothing more can be said"));
    }
    if (this.#waiting.length >= WAITING_MAX) {
      const message = `${WAITING_MAX} calls wait for room already: await send() before the next one`;
      return Promise.reject(new ClientError("buffer_full", message));
    }
    this.#ended = messages[0]?.type === "end";
    return new Promise((resolve, reject) => {
      this.#waiting.push({ messages, resolve, reject });
      this.pump();
    });
  }

  /** A message that is no part of what is said, where nothing else waits to be sent. */
  ping(): void {
    if (this.#frames.peek() !== undefined) return;
    this.#frames.push({ type: "ping" });
    this.pump();
  }

  /** What waits goes into the buffer as far as there is room, and from there to the server as far as it takes it. */
  pump(): void {
    this.#admit();
    while (this.#mayWrite()) {
      const message = this.#frames.peek();
      if (message === undefined) break;
      if (message.type === "text") this.#weightUnderWay += weightOf(message.text);
      const seq = this.#frames.take();
      this.#outlet.send(this.#acknowledged ? { ...message, seq, received: this.#lastSeq() } : message);
      if (!this.#acknowledged) this.#frames.forgetSent();
      this.#admit();
    }
    const isFull = this.#outlet.ready && !this.#outlet.writable;
    if (!isFull || this.#frames.peek() === undefined || this.#pumping !== undefined) return;
    this.#pumping = setTimeout(() => {
      this.#pumping = undefined;
      this.pump();
    }, FULL_SOCKET_MS);
  }

  /** The server has read all messages up to this one. */
  received(seq: number): void {
    this.#frames.received(seq);
  }

  /** The same session goes on over another connection. */
  resume(received: number): void {
    this.#frames.received(received);
    this.#rewind();
  }

  /** A session that knows nothing yet is told all that has no final. */
  restart(acknowledged: boolean): void {
    this.#acknowledged = acknowledged;
    this.#frames.clear();
    this.#weightUnderWay = 0;
    for (const message of this.#ledger.again()) this.#frames.push(message);
    if (this.#ended && this.#waiting.length === 0) this.#frames.push({ type: "end" });
  }

  /** A segment has its final in all targets. */
  settle(source: string): void {
    this.#lighten(this.#ledger.settle(source));
  }

  /** The server did not take the message of this number: it is told of, and not sent again. */
  refuse(seq: number): TextMessage | ReviseMessage | undefined {
    const said = this.#frames.sent(seq);
    if (said?.type === "text") {
      this.#ledger.refuse(said);
      this.#lighten(weightOf(said.text));
    }
    return said?.type === "text" || said?.type === "revise" ? said : undefined;
  }

  /** The server left out what came after a message that it did not look at: all of it goes again, after a pause. */
  hold(ms: number): void {
    this.#holding ??= setTimeout(() => {
      this.#holding = undefined;
      this.#rewind();
      this.pump();
    }, ms);
  }

  /** @param reason what the calls that wait are rejected with */
  close(reason: unknown): void {
    this.#ended = true;
    clearTimeout(this.#holding);
    clearTimeout(this.#pumping);
    for (const { reject } of this.#waiting.splice(0)) reject(reason);
  }

  #admit(): void {
    while (this.#waiting.length > 0 && this.#frames.unsentCharacters < this.#room) {
      const [{ messages, resolve, reject }] = this.#waiting.splice(0, 1);
      try {
        for (const message of messages) {
          this.#ledger.check(message.type);
          this.#ledger.add(this.#frames.add(this.#ledger.told(message)));
        }
        resolve();
      } catch (error) {
        reject(error);
      }
    }
  }

  #mayWrite(): boolean {
    const next = this.#frames.peek();
    if (next === undefined || this.#holding !== undefined || !this.#outlet.writable) return false;
    if (this.#frames.inFlight >= IN_FLIGHT_MAX) return false;
    if (next.type !== "text" || this.#weightUnderWay === 0) return true;
    return this.#weightUnderWay + weightOf(next.text) <= WINDOW;
  }

  #rewind(): void {
    for (const message of this.#frames.rewind()) {
      if (message.type === "text") this.#lighten(weightOf(message.text));
    }
  }

  #lighten(weight: number): void {
    this.#weightUnderWay = this.#ledger.empty ? 0 : Math.max(0, this.#weightUnderWay - weight);
  }
}
