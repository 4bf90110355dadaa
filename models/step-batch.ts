// Rows of different lengths to the padded tensors of one step of a CTC student.
import { type PaddedTensor, PaddedTensors } from "./padded-tensors.ts";
import type { StepRequest } from "./segment-decoder.ts";
import type { SegmentState, StateShape } from "./segment-state.ts";

/** One segment's share of a step; the model appends to its state. */
export interface StepRow extends StepRequest {
  state: SegmentState;
}

/** Padded sizes of one step. */
export interface StepSizes {
  /** B: rows. */
  rows: number;
  /** N: most new tokens of a row, at least 1. */
  tokens: number;
  /** M: most new chunks of a row, at least 1. */
  chunks: number;
  /** P: longest past, in source positions. */
  sourceLength: number;
  /** Q: longest past, in slots. */
  slotLength: number;
}

/** Builds the inputs of a step. What it returns is valid until its next use. */
export class StepBatch {
  readonly #shape: StateShape;
  readonly #tensors = new PaddedTensors();

  constructor(shape: StateShape) {
    this.#shape = shape;
  }

  /** Bytes held for the next steps. */
  get bytes(): number {
    return this.#tensors.bytes;
  }

  sizes(rows: readonly StepRow[]): StepSizes {
    const sizes = { rows: rows.length, tokens: 1, chunks: 1, sourceLength: 0, slotLength: 0 };
    for (const { tokens, chunks, state } of rows) {
      sizes.tokens = Math.max(sizes.tokens, tokens.length);
      sizes.chunks = Math.max(sizes.chunks, chunks.length);
      sizes.sourceLength = Math.max(sizes.sourceLength, state.sourceLength);
      sizes.slotLength = Math.max(sizes.slotLength, state.chunkLength * this.#shape.slotsPerToken);
    }
    return sizes;
  }

  /** Inputs by name, as step-signature.ts has them. */
  inputs(rows: readonly StepRow[], sizes: StepSizes): Record<string, PaddedTensor> {
    const { tokens: N, chunks: M, sourceLength: P, slotLength: Q } = sizes;
    const { sourceStateWidth, slotStateWidth } = this.#shape;
    const ids = (name: string, width: number, of: (row: StepRow) => readonly number[]) =>
      this.#tensors.ids(name, rows.map(of), width);
    const counts = (name: string, of: (row: StepRow) => number) => this.#tensors.counts(name, rows.map(of));
    const states = (name: string, length: number, width: number, of: (row: StepRow) => Float32Array<ArrayBuffer>) =>
      this.#tensors.states(name, rows.map(of), length, width);
    return {
      tokens: ids("tokens", N, (row) => row.tokens), // [B, N]
      token_counts: counts("token_counts", (row) => row.tokens.length), // [B]
      chunk_tokens: ids("chunk_tokens", M, (row) => row.chunks), // [B, M]
      chunk_counts: counts("chunk_counts", (row) => row.chunks.length), // [B]
      source_lengths: counts("source_lengths", (row) => row.state.sourceLength), // [B]
      chunk_lengths: counts("chunk_lengths", (row) => row.state.chunkLength), // [B]
      waits: counts("waits", (row) => row.wait), // [B]
      source_state: states("source_state", P, sourceStateWidth, (row) => row.state.sourceState), // [B, P, Es]
      slot_state: states("slot_state", Q, slotStateWidth, (row) => row.state.slotState), // [B, Q, Ed]
    };
  }
}
