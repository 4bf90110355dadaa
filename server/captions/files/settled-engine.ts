// An engine that can be waited for: it knows when all that it was given has been read and its outputs are out.
import { chunksReady, waitToInteger } from "../../../models/wait.ts";
import type { Engine, EngineModelInfo, EngineSegment, EngineSession, SegmentRequest } from "../../engine/engine.ts";

/** What one open segment owes: chunks that its tokens allow and no output has been given for, or its last output. */
interface Owed {
  wait: number;
  pushed: number;
  read: number;
  ending: boolean;
}

export class SettledEngine implements Engine {
  readonly #engine: Engine;
  readonly #owed = new Set<Owed>();
  #waiting: (() => void)[] = [];

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  get ready(): boolean {
    return this.#engine.ready;
  }

  get models(): readonly EngineModelInfo[] {
    return this.#engine.models;
  }

  gauges() {
    return this.#engine.gauges();
  }

  close(): Promise<void> {
    return this.#engine.close();
  }

  openSession(model: string): EngineSession {
    const session = this.#engine.openSession(model);
    return { openSegment: (request) => this.#open(session, request), close: () => session.close() };
  }

  /** Resolves when no segment owes anything. */
  async settled(): Promise<void> {
    while ([...this.#owed].some(owes)) {
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
      });
    }
  }

  #open(session: EngineSession, request: SegmentRequest): EngineSegment {
    const owed: Owed = { wait: waitToInteger(request.wait), pushed: 0, read: 0, ending: false };
    this.#owed.add(owed);
    const leave = (): void => {
      this.#owed.delete(owed);
      this.#changed();
    };
    const segment = session.openSegment({
      ...request,
      onOutput: (output) => {
        owed.read = output.tokensRead;
        request.onOutput(output);
        if (output.done) leave();
        else this.#changed();
      },
      onFailure: (failure) => {
        request.onFailure(failure);
        leave();
      },
    });
    return {
      push: (ids) => {
        owed.pushed += ids.length;
        segment.push(ids);
      },
      end: () => {
        owed.ending = true;
        segment.end();
      },
      cancel: () => {
        segment.cancel();
        leave();
      },
    };
  }

  #changed(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}

/** Tokens that allow no chunk are not read before one is due: nothing comes of them. */
function owes({ wait, pushed, read, ending }: Owed): boolean {
  return ending || chunksReady(pushed, wait, false) > chunksReady(read, wait, false);
}
