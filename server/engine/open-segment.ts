// A segment where its steps run: its decoder, its state, and what it could bring to the next step.

import type { DecodedPart, SegmentDecoder, StepResult, TailRequest } from "../../models/segment-decoder.ts";

import type { StepRow, StepRunner, StepState } from "../../models/step-runner.ts";
import type { Wait } from "../../models/wait.ts";
import type { ReadySegment } from "./scheduler.ts";

export class OpenSegment {
  readonly ready: ReadySegment;
  /** Milliseconds of when what is due was handed over; undefined when nothing is due. */
  dueSince: number | undefined;
  cancelled = false;
  /** Whether its tail is asked for. */
  readonly wantsTail: boolean;
  readonly #decoder: SegmentDecoder;
  readonly #state: StepState;

  /** Throws RangeError for a wait that is none. */
  constructor(ready: ReadySegment, runner: StepRunner, wait: Wait, wantsTail = false) {
    this.ready = ready;
    this.wantsTail = wantsTail;
    this.#decoder = runner.newDecoder(wait);
    this.#state = runner.newState();
  }

  get bytes(): number {
    return this.#state.bytes;
  }

  get tokensRead(): number {
    return this.#decoder.tokensRead;
  }

  get done(): boolean {
    return this.#decoder.done;
  }

  /** Chunks decoded. */
  get chunks(): number {
    return this.#state.chunkLength;
  }

  /** Positions that the state holds: a step that failed has not changed it. */
  get positions(): number {
    return this.#state.sourceLength;
  }

  /** Throws RangeError when the ids do not fit the position limit. */
  read(ids: readonly number[], at: number): void {
    this.#decoder.read(ids);
    this.#stamp(at);
  }

  end(at: number): void {
    this.#decoder.end();
    this.#stamp(at);
  }

  /** New tokens or new chunks that a step could take, whichever are more; 0 while nothing is due. */
  get due(): number {
    return this.#decoder.due;
  }

  /** What to run now, with at most `limit` new tokens and chunks; undefined when nothing is due. */
  next(limit: number): StepRow | undefined {
    if (this.due <= limit) this.dueSince = undefined;
    const request = this.#decoder.next(limit);
    return request && { ...request, state: this.#state };
  }

  /** Takes a step's result, chunk by chunk; `at` is when: what is due after it has waited from then on. */
  accept(result: StepResult, at: number): DecodedPart[] {
    const parts = this.#decoder.acceptParts(result);
    if (this.due === 0) this.dueSince = undefined;
    else this.dueSince ??= at;
    return parts;
  }

  /** What would tell its tail, on a fork of its state; undefined where there is none to tell in a step of that size. */
  tail(limit: number): { row: StepRow; idsOf: TailRequest["idsOf"] } | undefined {
    const tail = this.#decoder.tail?.(limit);
    return tail && { row: { ...tail.request, state: this.#state.fork() }, idsOf: tail.idsOf };
  }

  /** Gives the state's memory back. */
  release(): void {
    this.#state.release();
  }

  #stamp(at: number): void {
    if (this.due > 0) this.dueSince ??= at;
  }
}
