// The streams that another connection may go on with: found by the session's name, those that have ended for a while too.

import type { Visit } from "../admission/visit.ts";
import type { Link } from "./link.ts";

/** What is kept of streams that have ended, in bytes of frames. Past it the oldest are forgotten. */
const ENDED_MAX_BYTES = 64 * 1024 * 1024;

/** What of a stream it takes to find it, to keep it and to go on with it. */
export interface Resumable {
  readonly id: string;
  /** Bytes of frames that are kept for its client. */
  readonly keptBytes: number;
  /**
   * Goes on over another connection, with what comes after `seq`; whoever had it before is told and closed.
   * @returns whether it can
   * @throws ProtocolError `unauthorized` for a token that is not for its languages
   */
  takeOver(link: Link, visit: Visit, asked: TakeOver): boolean;
}

export interface TakeOver {
  /** The part of the session's name that only its client knows. */
  secret: string;
  /** The last number that the client has. */
  seq: number;
  /** A credential, where none came with the connection. */
  key?: string | undefined;
}

export interface ResumeLimits {
  /** How long a stream outlives its connection. Milliseconds; 0: no stream does. */
  graceMs: number;
  /** Bytes of frames that are kept for one client. */
  keptBytes: number;
}

export class Resumables {
  readonly limits: Readonly<ResumeLimits>;
  /** Connections that may do nothing but resume, for want of room. */
  held = 0;
  /** Streams that wait for another connection. */
  waiting = 0;
  readonly #open = new Map<string, Resumable>();
  readonly #ended = new Map<string, { stream: Resumable; until: number }>();
  #endedBytes = 0;

  constructor(limits: ResumeLimits) {
    this.limits = limits;
  }

  /** Whether one more connection may wait to resume: each open stream can be taken over by one. */
  get mayHold(): boolean {
    return this.held < this.#open.size;
  }

  add(stream: Resumable): void {
    this.#open.set(stream.id, stream);
  }

  /** It cannot be resumed any more. */
  delete(stream: Resumable): void {
    this.#open.delete(stream.id);
    this.#forget(stream.id);
  }

  /** It has said its last: kept for a client that did not get that. */
  ended(stream: Resumable, now: number): void {
    this.delete(stream);
    this.#ended.set(stream.id, { stream, until: now + this.limits.graceMs });
    this.#endedBytes += stream.keptBytes;
    for (const [id] of this.#ended) {
      if (this.#endedBytes <= ENDED_MAX_BYTES) break;
      this.#forget(id);
    }
  }

  /** @param session as `ready` gave it: the stream's id, a dot, its secret */
  find(session: string): { stream: Resumable; secret: string } | undefined {
    const [id, secret, ...rest] = session.split(".");
    const stream = this.#open.get(id) ?? this.#ended.get(id)?.stream;
    if (stream === undefined || secret === undefined || rest.length > 0) return undefined;
    return { stream, secret };
  }

  /** Forgets what ended long ago. To be called from time to time. */
  sweep(now: number): void {
    for (const [id, { until }] of this.#ended) {
      if (until > now) break;
      this.#forget(id);
    }
  }

  /** Forgets all that has ended. */
  clear(): void {
    this.#ended.clear();
    this.#endedBytes = 0;
  }

  #forget(id: string): void {
    const kept = this.#ended.get(id);
    if (kept === undefined) return;
    this.#ended.delete(id);
    this.#endedBytes -= kept.stream.keptBytes;
  }
}
