// The way from a stream to its client: the connection that there is now, or the wait for another one.
import { CLOSE_CODES, type CloseCode, ERROR_RULES } from "../protocol/close-codes.ts";
import { SLOW_CLOSE_MS } from "../protocol/limits.ts";
import type { ErrorMessage, ReadyMessage, TentativeMessage } from "../protocol/server-messages.ts";
import type { Link, LinkedStream } from "./link.ts";
import type { Resumables } from "./resumables.ts";
import { Resumption, type Said } from "./resumption.ts";

/** A client with so much to read is told nothing that will not stand. */
const TENTATIVE_BACKLOG_BYTES = 8 * 1024;

export class Delivery {
  readonly #resumables: Pick<Resumables, "limits" | "waiting">;
  readonly #now: () => number;
  /** Undefined while another is waited for, and when there is no more to come. */
  #link: Link | undefined;
  #resumption: Resumption | undefined;
  #ready: ReadyMessage | undefined;
  /** Since when another connection is waited for, and how many messages had been made then. */
  #waiting: { since: number; sent: number } | undefined;
  #end: { code: CloseCode; reason: string } | undefined;

  /** @param now milliseconds, monotonic */
  constructor(link: Link, now: () => number, resumables: Pick<Resumables, "limits" | "waiting">) {
    this.#link = link;
    this.#now = now;
    this.#resumables = resumables;
  }

  get link(): Link | undefined {
    return this.#link;
  }

  /** Undefined where the client did not ask for it, or the server does not offer it. */
  get resumption(): Resumption | undefined {
    return this.#resumption;
  }

  /** Whether another connection is waited for. */
  get detached(): boolean {
    return this.#waiting !== undefined;
  }

  /** Whether it is of no use to wait any longer: the time is over, or not all is kept that was said since. */
  get lost(): boolean {
    if (this.#waiting === undefined || this.#resumption === undefined) return false;
    const { since, sent } = this.#waiting;
    return this.#now() - since >= this.#resumables.limits.graceMs || this.#resumption.gone > sent;
  }

  /** Whether the last message was said. */
  get ended(): boolean {
    return this.#end !== undefined;
  }

  /** Says `ready`; from here on all is numbered and kept where the stream is to be resumable. */
  open(ready: ReadyMessage, resumable: boolean): void {
    let said = ready;
    if (resumable) {
      const { graceMs, keptBytes } = this.#resumables.limits;
      this.#resumption = new Resumption(keptBytes);
      this.#ready = { ...ready, session: `${ready.session}.${this.#resumption.secret}`, resumeGraceMs: graceMs };
      said = { ...this.#ready, received: 0 };
    }
    this.#link?.send(JSON.stringify(said));
  }

  /** Why the client is too slow for it: then the message was not sent. */
  say(message: Said): string | undefined {
    const frame = this.#frameOf(message);
    return this.#link?.send(frame);
  }

  /** Says what the next message takes back: to nobody who is away, or behind with what stands. */
  sayTentatively(message: TentativeMessage): void {
    if (this.#link !== undefined && this.#link.bufferedBytes < TENTATIVE_BACKLOG_BYTES) {
      this.#link.send(JSON.stringify(message));
    }
  }

  /** Why the client is too slow. To be asked from time to time. */
  stalled(): string | undefined {
    return this.#link?.stalled();
  }

  /** Ends: the connection is closed, with a last message where there is one. */
  end(code: CloseCode, reason: string = CLOSE_CODES[code].text, message?: Said): void {
    this.#end = { code, reason };
    const last = message && this.#frameOf(message);
    this.#link?.close(code, reason, { last, timeoutMs: reason === "slow_consumer" ? SLOW_CLOSE_MS : undefined });
  }

  /** The connection is gone, or carries another stream. */
  forgetLink(): void {
    this.#link = undefined;
  }

  /** Closes the connection, if there is one; its last message says why, and is none of the stream's. */
  unlink(code: "slow_consumer" | "taken_over", message: string): void {
    if (this.#link === undefined) return;
    const last = JSON.stringify({ type: "error", code, message, fatal: true } satisfies ErrorMessage);
    this.#link.stream = undefined;
    this.#link.close(ERROR_RULES[code].close, code, { last, timeoutMs: SLOW_CLOSE_MS });
    this.#link = undefined;
  }

  /** Waits for another connection. */
  wait(): void {
    if (this.#waiting === undefined) this.#resumables.waiting += 1;
    this.#waiting = { since: this.#now(), sent: this.#resumption?.sent ?? 0 };
  }

  stopWaiting(): void {
    if (this.#waiting !== undefined) this.#resumables.waiting -= 1;
    this.#waiting = undefined;
  }

  /** Whether all is kept that came after the message with that number. */
  canGoOn(seq: number): boolean {
    return this.#resumption?.after(seq) !== undefined;
  }

  /** Goes on over another connection with what came after `seq`, to its end if that is reached. */
  goOn(link: Link, stream: LinkedStream, seq: number): void {
    this.stopWaiting();
    this.#link = link;
    link.stream = stream;
    link.send(JSON.stringify({ ...this.#ready, received: this.#resumption?.received }));
    for (const frame of this.#resumption?.after(seq) ?? []) link.send(frame);
    if (this.#end !== undefined) link.close(this.#end.code, this.#end.reason);
  }

  #frameOf(message: Said): string {
    return this.#resumption?.number(message) ?? JSON.stringify(message);
  }
}
