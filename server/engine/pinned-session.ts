// A session's place in an engine: on one dispatcher while it has open segments there, on the next when that one is lost.

import type { DispatchedSegment, Dispatcher } from "./dispatcher.ts";
import type { EngineFailure, EngineOutput, EngineSegment, EngineSession, SegmentRequest } from "./engine.ts";
import { inLaterTurn } from "./later-turn.ts";
import { SegmentJournal } from "./segment-journal.ts";

/** So often a worker may die while it owes a segment something: one that kills all it meets must not meet them all. */
const LOSSES_MAX = 2;

/** Where sessions find a worker. */
export interface Places {
  /** The dispatcher for a session that is on none; undefined when there is none. */
  choose(): Dispatcher | undefined;
  /** Keeps a segment until there may be one again. */
  wait(segment: HomelessSegment): void;
}

/** A segment whose worker is gone while no other is there. One of these is called, once. */
export interface HomelessSegment {
  resume(): void;
  fail(failure: EngineFailure): void;
}

export class PinnedSession implements EngineSession {
  readonly #model: string;
  readonly #session: number;
  readonly #places: Places;
  readonly #open = new Set<PinnedSegment>();
  #dispatcher: Dispatcher | undefined;

  constructor(model: string, session: number, places: Places) {
    this.#model = model;
    this.#session = session;
    this.#places = places;
  }

  openSegment(request: SegmentRequest): EngineSegment {
    if (this.#open.size === 0) this.#dispatcher = this.#places.choose();
    if (!this.#dispatcher) return refused(request);
    const segment = new PinnedSegment({
      request,
      place: (dispatched, lost) => {
        if (this.#dispatcher === undefined || this.#dispatcher === lost) this.#dispatcher = this.#places.choose();
        const dispatcher = this.#dispatcher;
        return dispatcher && { dispatcher, segment: dispatcher.open(this.#model, this.#session, dispatched) };
      },
      wait: (homeless) => this.#places.wait(homeless),
      forget: () => this.#open.delete(segment),
    });
    this.#open.add(segment);
    return segment;
  }

  close(): void {
    for (const segment of [...this.#open]) segment.cancel();
  }
}

interface Place {
  dispatcher: Dispatcher;
  segment: EngineSegment;
}

interface PinnedSegmentOptions {
  request: SegmentRequest;
  /** Opens the segment, on another dispatcher than the lost one. */
  place(dispatched: DispatchedSegment, lost?: Dispatcher): Place | undefined;
  wait(segment: HomelessSegment): void;
  /** The segment is over. */
  forget(): void;
}

/** A segment that outlives the worker it runs on. */
class PinnedSegment implements EngineSegment {
  readonly #options: PinnedSegmentOptions;
  readonly #journal = new SegmentJournal();
  #place: Place | undefined;
  #losses = 0;
  #over = false;

  constructor(options: PinnedSegmentOptions) {
    this.#options = options;
    this.#place = options.place(this.#dispatched());
  }

  push(ids: readonly number[]): void {
    this.#journal.push(ids);
    this.#place?.segment.push(ids);
  }

  end(): void {
    this.#journal.end();
    this.#place?.segment.end();
  }

  cancel(): void {
    this.#finish();
    this.#place?.segment.cancel();
    this.#place = undefined;
  }

  #dispatched(): DispatchedSegment {
    return {
      wait: this.#options.request.wait,
      onOutput: (output) => this.#output(output),
      onTail: this.#options.request.onTail && ((ids) => this.#tail(ids)),
      onFailure: (failure) => this.#fail(failure),
      onLost: () => this.#replay(),
    };
  }

  #output(output: EngineOutput): void {
    let told: EngineOutput | undefined;
    try {
      told = this.#journal.accept(output);
    } catch {
      this.#place?.segment.cancel();
      this.#fail({ code: "internal", message: "another engine worker translated the open segment differently" });
      return;
    }
    if (told === undefined) return;
    if (told.done) this.#finish();
    this.#options.request.onOutput(told);
  }

  #tail(ids: number[]): void {
    if (!this.#over && !this.#journal.behind) this.#options.request.onTail?.(ids);
  }

  /** Its worker is gone, and its state with it: another reads again what this segment was given. */
  #replay(): void {
    const lost = this.#place?.dispatcher;
    this.#place = undefined;
    if (this.#journal.pending) this.#losses++;
    if (this.#losses > LOSSES_MAX) {
      this.#fail({ code: "internal", message: "engine workers stopped again and again on the open segment" });
      return;
    }
    this.#journal.restart();
    this.#restart(lost);
  }

  #restart(lost?: Dispatcher): void {
    if (this.#over) return;
    this.#place = this.#options.place(this.#dispatched(), lost);
    if (this.#place === undefined) {
      // Between two threads: what comes meanwhile is in the journal.
      this.#options.wait({ resume: () => this.#restart(), fail: (failure) => this.#fail(failure) });
      return;
    }
    if (this.#journal.read.length > 0) this.#place.segment.push(this.#journal.read);
    if (this.#journal.ended) this.#place.segment.end();
  }

  #finish(): void {
    this.#over = true;
    this.#options.forget();
  }

  #fail(failure: EngineFailure): void {
    if (this.#over) return;
    this.#finish();
    this.#place = undefined;
    this.#options.request.onFailure(failure);
  }
}

/** A segment that fails in a later turn, because nothing can run it now. */
function refused(request: SegmentRequest): EngineSegment {
  let cancelled = false;
  inLaterTurn(() => {
    if (!cancelled) request.onFailure({ code: "overloaded", message: "no engine worker is up: try again later" });
  });
  return {
    push: () => undefined,
    end: () => undefined,
    cancel: () => {
      cancelled = true;
    },
  };
}
