// A session's place in an engine: on one dispatcher for as long as it has open segments there.

import type { Dispatcher } from "./dispatcher.ts";
import type { EngineSegment, EngineSession, SegmentRequest } from "./engine.ts";

export class PinnedSession implements EngineSession {
  readonly #model: string;
  readonly #session: number;
  readonly #choose: () => Dispatcher | undefined;
  readonly #open = new Set<EngineSegment>();
  #dispatcher: Dispatcher | undefined;

  /** @param choose the dispatcher for a session that is on none; undefined when there is none */
  constructor(model: string, session: number, choose: () => Dispatcher | undefined) {
    this.#model = model;
    this.#session = session;
    this.#choose = choose;
  }

  openSegment(request: SegmentRequest): EngineSegment {
    if (this.#open.size === 0) this.#dispatcher = this.#choose();
    const dispatcher = this.#dispatcher;
    if (!dispatcher) return refused(request);
    const segment = dispatcher.open(this.#model, this.#session, {
      wait: request.wait,
      onOutput: (output) => {
        if (output.done) this.#open.delete(handle);
        request.onOutput(output);
      },
      onFailure: (failure) => {
        this.#open.delete(handle);
        request.onFailure(failure);
      },
    });
    const handle: EngineSegment = {
      push: segment.push,
      end: segment.end,
      cancel: () => {
        this.#open.delete(handle);
        segment.cancel();
      },
    };
    this.#open.add(handle);
    return handle;
  }

  close(): void {
    for (const segment of [...this.#open]) segment.cancel();
  }
}

/** A segment that fails in a later turn, because nothing can run it now. */
function refused(request: SegmentRequest): EngineSegment {
  let cancelled = false;
  setImmediate(() => {
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
