// One segment's state in a CTC student: which rows of the shared memories are its own.
import type { StateMemory } from "./state-memory.ts";
import type { StepState } from "./step-runner.ts";

const FLOAT_BYTES = 4;

export class PagedState implements StepState {
  readonly #source: StateMemory;
  readonly #slots: StateMemory;
  readonly #slotsPerToken: number;
  /** Rows of the memories, oldest first. */
  readonly sourceRows: number[] = [];
  readonly slotRows: number[] = [];
  /** So many of its first rows are another's. */
  #borrowed = { source: 0, slots: 0 };

  constructor(source: StateMemory, slots: StateMemory, slotsPerToken: number) {
    this.#source = source;
    this.#slots = slots;
    this.#slotsPerToken = slotsPerToken;
  }

  get sourceLength(): number {
    return this.sourceRows.length;
  }

  get chunkLength(): number {
    return this.slotRows.length / this.#slotsPerToken;
  }

  get bytes(): number {
    return (this.sourceRows.length * this.#source.width + this.slotRows.length * this.#slots.width) * FLOAT_BYTES;
  }

  /** A copy of what is held for the source, `[P, Es]`. */
  get sourceState(): Float32Array {
    return this.#source.read(this.sourceRows);
  }

  /** A copy of what is held for the slots, `[Q, Ed]`. */
  get slotState(): Float32Array {
    return this.#slots.read(this.slotRows);
  }

  /** Appends source positions, rows `[n, Es]`, and slots, rows `[chunks·λ, Ed]`. */
  append(newSource: Float32Array, newSlots: Float32Array): void {
    appendRows(this.#source, newSource, this.sourceRows);
    appendRows(this.#slots, newSlots, this.slotRows);
  }

  /** Reads the rows of this one, and adds its own. */
  fork(): PagedState {
    const fork = new PagedState(this.#source, this.#slots, this.#slotsPerToken);
    fork.sourceRows.push(...this.sourceRows);
    fork.slotRows.push(...this.slotRows);
    fork.#borrowed = { source: this.sourceRows.length, slots: this.slotRows.length };
    return fork;
  }

  release(): void {
    this.#source.giveBack(this.sourceRows.splice(0).slice(this.#borrowed.source));
    this.#slots.giveBack(this.slotRows.splice(0).slice(this.#borrowed.slots));
    this.#borrowed = { source: 0, slots: 0 };
  }
}

function appendRows(memory: StateMemory, values: Float32Array, rows: number[]): void {
  for (let start = 0; start < values.length; start += memory.width) {
    rows.push(memory.take(values.subarray(start, start + memory.width)));
  }
}
