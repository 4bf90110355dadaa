// What makes one stream resumable: its secret, the counts of both sides, and the frames that its client may not have yet.
import { randomBytes, timingSafeEqual } from "node:crypto";
import { ProtocolError } from "../protocol/protocol-error.ts";
import type { ReadyMessage, ServerMessage, TentativeMessage } from "../protocol/server-messages.ts";

/** 128 random bits: there is nothing to guess. */
const SECRET_BYTES = 16;

/** What a stream says that stands; `ready` is the connection's. */
export type Said = Exclude<ServerMessage, ReadyMessage | TentativeMessage>;

export class Resumption {
  readonly #secret = randomBytes(SECRET_BYTES).toString("base64url");
  readonly #maxBytes: number;
  /** By number, oldest first. */
  readonly #kept = new Map<number, string>();
  #keptBytes = 0;
  #sent = 0;
  #gone = 0;
  #received = 0;

  /** @param maxBytes what is kept at most, UTF-8; past it the oldest frames go */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Known to the client alone: logs have the stream's id without it. */
  get secret(): string {
    return this.#secret;
  }

  /** Number of the last message that was made. */
  get sent(): number {
    return this.#sent;
  }

  /** Messages up to this number are kept no longer. */
  get gone(): number {
    return this.#gone;
  }

  /** The client's last number that was read. */
  get received(): number {
    return this.#received;
  }

  get keptBytes(): number {
    return this.#keptBytes;
  }

  /** Takes the same time for every secret of the right length. */
  opensWith(secret: string): boolean {
    const [given, own] = [Buffer.from(secret), Buffer.from(this.#secret)];
    return given.length === own.length && timingSafeEqual(given, own);
  }

  /** The message's frame, with its number, kept for a later connection. */
  number(message: Said): string {
    this.#sent += 1;
    const frame = JSON.stringify({ ...message, seq: this.#sent, received: this.#received });
    this.#kept.set(this.#sent, frame);
    this.#keptBytes += Buffer.byteLength(frame);
    for (const seq of this.#kept.keys()) {
      if (this.#keptBytes <= this.#maxBytes) break;
      this.#forget(seq);
    }
    return frame;
  }

  /**
   * A message of the client has come: whether it is a new one. Messages without numbers all are.
   * @throws ProtocolError `bad_request` where one before it is missing
   */
  isNew(seq: number | undefined): boolean {
    if (seq === undefined) return true;
    const next = this.#received + 1;
    if (seq === 0 || seq > next) {
      const message = seq === 0 ? "seq counts from 1" : `seq ${seq} came where ${next} is due: send again from there`;
      throw new ProtocolError("bad_request", message, { field: "seq" });
    }
    if (seq < next) return false;
    this.#received = seq;
    return true;
  }

  /**
   * The client has what is up to `received`, which is no longer kept.
   * @throws ProtocolError `bad_request` where that is more than was sent
   */
  acknowledge(received: number): void {
    if (received > this.#sent) {
      throw new ProtocolError("bad_request", `received is more than the ${this.#sent} that were sent`, {
        field: "received",
      });
    }
    for (const seq of this.#kept.keys()) {
      if (seq > received) break;
      this.#forget(seq);
    }
  }

  /** The frames after a number, in order; undefined where some of them are kept no longer, or were never sent. */
  after(seq: number): string[] | undefined {
    if (seq < this.#gone || seq > this.#sent) return undefined;
    return [...this.#kept].filter(([number]) => number > seq).map(([, frame]) => frame);
  }

  #forget(seq: number): void {
    this.#keptBytes -= Buffer.byteLength(this.#kept.get(seq) ?? "");
    this.#kept.delete(seq);
    this.#gone = seq;
  }
}
