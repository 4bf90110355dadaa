// Rows of different lengths as padded tensors, in memory that is used again for the next step.
import { PAD_ID } from "./vocabulary.ts";

/** An input of a graph. */
export interface PaddedTensor {
  type: "int64" | "float32";
  data: BigInt64Array<ArrayBuffer> | Float32Array<ArrayBuffer>;
  dims: number[];
}

/** Scratch memory by the tensors' names. What it returns is valid until its next use for the same name. */
export class PaddedTensors {
  readonly #integers = new Map<string, BigInt64Array<ArrayBuffer>>();
  readonly #floats = new Map<string, Float32Array<ArrayBuffer>>();

  /** Bytes held for the next steps. */
  get bytes(): number {
    return [...this.#integers.values(), ...this.#floats.values()].reduce((sum, { byteLength }) => sum + byteLength, 0);
  }

  /** `[rows, width]`, padded on the right with `<pad>`. */
  ids(name: string, rows: readonly (readonly number[])[], width: number): PaddedTensor {
    const data = this.#integerScratch(name, rows.length * width).fill(BigInt(PAD_ID));
    for (const [b, ids] of rows.entries()) {
      for (const [index, id] of ids.entries()) data[b * width + index] = BigInt(id);
    }
    return { type: "int64", data, dims: [rows.length, width] };
  }

  /** `[rows]`. */
  counts(name: string, values: readonly number[]): PaddedTensor {
    const data = this.#integerScratch(name, values.length);
    for (const [b, value] of values.entries()) data[b] = BigInt(value);
    return { type: "int64", data, dims: [values.length] };
  }

  /** `[rows, length, width]`, padded on the right with zeros. */
  states(name: string, states: readonly Float32Array<ArrayBuffer>[], length: number, width: number): PaddedTensor {
    const dims = [states.length, length, width];
    // One row has no padding: its own buffer serves as it is, without a copy.
    if (states.length === 1) return { type: "float32", data: states[0], dims };
    const data = this.#floatScratch(name, states.length * length * width);
    for (const [b, state] of states.entries()) {
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
