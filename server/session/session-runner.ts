// Joins a session with an engine and a clock: does what the session asks for and tells it what comes of it.

import type { Engine, EngineSegment, EngineSession } from "../engine/engine.ts";
import type { CloseCode } from "../protocol/close-codes.ts";
import { Session } from "./session.ts";
import type { DeltaMeasure, FinalMeasure, SessionAction, SessionEvent, SessionMessage } from "./session-event.ts";
import type { SessionSettings } from "./session-settings.ts";

export interface SessionRunnerOptions {
  settings: SessionSettings;
  engine: Engine;
  /** Milliseconds of a monotonic clock. */
  now(): number;
  /** Takes the session's messages, in order; `measure` is for metrics. */
  emit(message: SessionMessage, measure?: DeltaMeasure | FinalMeasure): void;
  /** Called once, after the last message. Not called after `abort`. */
  close(code: CloseCode): void;
  /** The session was given up before its end. Called once, instead of `close`. */
  aborted?(): void;
}

/** What a connection talks to. */
export class SessionRunner {
  readonly #options: SessionRunnerOptions;
  readonly #session: Session;
  readonly #engineSessions: EngineSession[];
  readonly #segments: Map<number, EngineSegment>[];
  readonly #events: SessionEvent[] = [];
  #handling = false;
  #aborted = false;

  /** Throws RangeError when the engine lacks a target's model. */
  constructor(options: SessionRunnerOptions) {
    const { settings, engine } = options;
    this.#options = options;
    this.#session = new Session(settings, options.now());
    this.#engineSessions = settings.targets.map((target) => engine.openSession(target.model));
    this.#segments = settings.targets.map(() => new Map());
  }

  get closed(): boolean {
    return this.#session.closed;
  }

  /** Whether no final is due: nothing is open and nothing is in the engine. */
  get idle(): boolean {
    return this.#session.idle;
  }

  /** Source words of the segments that have ended. */
  get words(): number {
    return this.#session.words;
  }

  /** Segments opened so far. */
  get segments(): number {
    return this.#session.segments;
  }

  /** Source text to append. `at`: milliseconds of the speaker's clock. A refusal is emitted before this returns. */
  text(text: string, at?: number): void {
    this.#handle({ type: "text", text, at });
  }

  /** The recogniser's whole hypothesis since the last `commit`. A refusal is emitted before this returns. */
  revise(text: string, given: { stable?: number; at?: number } = {}): void {
    this.#handle({ type: "revise", text, ...given });
  }

  commit(): void {
    this.#handle({ type: "commit" });
  }

  /** Flushes; `done` and the close follow when the last final is out. */
  end(): void {
    this.#handle({ type: "end" });
  }

  /** The connection is gone: frees everything, calls nothing back. */
  abort(): void {
    const early = !this.#aborted && !this.#session.closed;
    this.#aborted = true;
    this.#handle({ type: "abort" });
    if (early) this.#options.aborted?.();
  }

  /** One event after the other: `emit` may call back into the runner, and messages keep their order. */
  #handle(event: SessionEvent): void {
    this.#events.push(event);
    if (this.#handling) return;
    this.#handling = true;
    try {
      for (let next = this.#events.shift(); next; next = this.#events.shift()) {
        for (const action of this.#session.handle(next, this.#options.now())) {
          if (this.#aborted && next.type !== "abort") break;
          this.#do(action);
        }
      }
    } finally {
      this.#handling = false;
    }
    if (this.#session.closed) for (const session of this.#engineSessions.splice(0)) session.close();
  }

  #do(action: SessionAction): void {
    switch (action.type) {
      case "open":
        this.#open(action.target, action.segment);
        break;
      case "push":
        this.#segments[action.target].get(action.segment)?.push(action.ids);
        break;
      case "finish":
        this.#segments[action.target].get(action.segment)?.end();
        break;
      case "cancel":
        this.#segments[action.target].get(action.segment)?.cancel();
        this.#segments[action.target].delete(action.segment);
        break;
      case "emit":
        this.#options.emit(action.message, action.measure);
        break;
      case "close":
        this.#options.close(action.code);
        break;
    }
  }

  #open(target: number, segment: number): void {
    const open = this.#engineSessions[target].openSegment({
      wait: this.#options.settings.targets[target].wait,
      onOutput: (output) => {
        if (output.done) this.#segments[target].delete(segment);
        this.#handle({ type: "output", target, segment, output });
      },
      onTail: this.#options.settings.tentative
        ? (ids) => this.#handle({ type: "tail", target, segment, ids })
        : undefined,
      onFailure: (failure) => {
        this.#segments[target].delete(segment);
        this.#handle({ type: "failure", target, segment, failure });
      },
    });
    this.#segments[target].set(segment, open);
  }
}
