// What a segment was given and what it has written: enough to run it again on another worker without saying anything twice.

import type { EngineOutput } from "./engine.ts";

/** A segment that wrote something else when it was run again: what was sent cannot be taken back. */
export class ReplayError extends Error {
  override readonly name = "ReplayError";
}

/** Grows to a segment's length at most: some hundred numbers. */
export class SegmentJournal {
  readonly #read: number[] = [];
  readonly #written: number[] = [];
  #ended = false;
  #tokensRead = 0;
  /** Ids that the present run has written. */
  #position = 0;

  /** Source ids so far. */
  get read(): readonly number[] {
    return this.#read;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Whether a worker owed it something: it may have been in the step that was the worker's last. */
  get pending(): boolean {
    return this.#ended || this.#tokensRead < this.#read.length;
  }

  /** Whether it runs again, and has not come to where it was: what it would write next was written already. */
  get behind(): boolean {
    return this.#position < this.#written.length;
  }

  push(ids: readonly number[]): void {
    for (const id of ids) this.#read.push(id);
  }

  end(): void {
    this.#ended = true;
  }

  /** The segment begins again elsewhere, with all that it was given. */
  restart(): void {
    this.#position = 0;
  }

  /**
   * What of an output has not been told yet; undefined where that is nothing.
   *
   * @throws ReplayError when a segment that runs again writes something else than before
   */
  accept(output: EngineOutput): EngineOutput | undefined {
    const known = Math.min(output.ids.length, this.#written.length - this.#position);
    for (let index = 0; index < known; index++) {
      if (output.ids[index] !== this.#written[this.#position + index]) throw new ReplayError("the ids are others");
    }
    const ids = output.ids.slice(known);
    this.#position += output.ids.length;
    this.#written.push(...ids);
    if (output.done && this.#position < this.#written.length) throw new ReplayError("the ids are fewer");
    const isNew = ids.length > 0 || output.done || output.tokensRead > this.#tokensRead;
    this.#tokensRead = Math.max(this.#tokensRead, output.tokensRead);
    return isNew ? { ...output, ids, tokensRead: this.#tokensRead } : undefined;
  }
}
