// Rows of different lengths to the padded tensors of one step, in memory that is used again for the next.
import type { StepRequest } from "./segment-decoder.ts";
import type { SegmentState, StateShape } from "./segment-state.ts";
import { PAD_ID } from "./vocabulary.ts";

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

export interface StepTensor {
  type: "int64" | "float32";
  data: BigInt64Array<ArrayBuffer> | Float32Array<ArrayBuffer>;
  dims: number[];
}

/** Builds the inputs of a step. What it returns is valid until its next use. */
export class StepBatch {
  readonly #shape: StateShape;
  readonly #integers = new Map<string, BigInt64Array<ArrayBuffer>>();
  readonly #floats = new Map<string, Float32Array<ArrayBuffer>>();

  constructor(shape: StateShape) {
    this.#shape = shape;
  }

  /** Bytes held for the next steps. */
  get bytes(): number {
    return [...this.#integers.values(), ...this.#floats.values()].reduce((sum, { byteLength }) => sum + byteLength, 0);
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
  inputs(rows: readonly StepRow[], sizes: StepSizes): Record<string, StepTensor> {
    const { tokens: N, chunks: M, sourceLength: P, slotLength: Q } = sizes;
    const { sourceStateWidth, slotStateWidth } = this.#shape;
    return {
      tokens: this.#ids("tokens", rows, N, (row) => row.tokens), // [B, N]
      token_counts: this.#counts("token_counts", rows, (row) => row.tokens.length), // [B]
      chunk_tokens: this.#ids("chunk_tokens", rows, M, (row) => row.chunks), // [B, M]
      chunk_counts: this.#counts("chunk_counts", rows, (row) => row.chunks.length), // [B]
      source_lengths: this.#counts("source_lengths", rows, (row) => row.state.sourceLength), // [B]
      chunk_lengths: this.#counts("chunk_lengths", rows, (row) => row.state.chunkLength), // [B]
      waits: this.#counts("waits", rows, (row) => row.wait), // [B]
      source_state: this.#states("source_state", rows, P, sourceStateWidth, (row) => row.state.sourceState), // [B, P, Es]
      slot_state: this.#states("slot_state", rows, Q, slotStateWidth, (row) => row.state.slotState), // [B, Q, Ed]
    };
  }

  #ids(name: string, rows: readonly StepRow[], width: number, idsOf: (row: StepRow) => readonly number[]): StepTensor {
    const data = this.#integerScratch(name, rows.length * width).fill(BigInt(PAD_ID));
    for (const [b, row] of rows.entries()) {
      for (const [index, id] of idsOf(row).entries()) data[b * width + index] = BigInt(id);
    }
    return { type: "int64", data, dims: [rows.length, width] };
  }

  #counts(name: string, rows: readonly StepRow[], countOf: (row: StepRow) => number): StepTensor {
    const data = this.#integerScratch(name, rows.length);
    for (const [b, row] of rows.entries()) data[b] = BigInt(countOf(row));
    return { type: "int64", data, dims: [rows.length] };
  }

  #states(
    name: string,
    rows: readonly StepRow[],
    length: number,
    width: number,
    stateOf: (row: StepRow) => Float32Array<ArrayBuffer>,
  ): StepTensor {
    const dims = [rows.length, length, width];
    // One row has no padding: its own buffer serves as it is, without a copy.
    if (rows.length === 1) return { type: "float32", data: stateOf(rows[0]), dims };
    const data = this.#floatScratch(name, rows.length * length * width);
    for (const [b, row] of rows.entries()) {
      const state = stateOf(row);
      const start = b * length * width;
      data.set(state, start);
      data.fill(0, start + state.length, start + length * width);
    }
    return { type: "float32", data, dims };
  }

  #integerScratch(name: string, length: number): BigInt64Array<ArrayBuffer> {
    let scratch = this.#integers.get(name);
    if (scratch === undefined || scratch.length < length) {
      scratch = new BigInt64Array(Math.max(length, 2 * (scratch?.length ?? 0)));
      this.#integers.set(name, scratch);
    }
    return scratch.subarray(0, length);
  }

  #floatScratch(name: string, length: number): Float32Array<ArrayBuffer> {
    let scratch = this.#floats.get(name);
    if (scratch === undefined || scratch.length < length) {
      scratch = new Float32Array(Math.max(length, 2 * (scratch?.length ?? 0)));
      this.#floats.set(name, scratch);
    }
    return scratch.subarray(0, length);
  }
}
