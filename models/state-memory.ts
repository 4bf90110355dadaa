// The states of all segments of a model, row by row in one memory that the step graph reads as it is, and who holds which.

/** Rows that the memory starts with; it doubles when they are all held. */
const FIRST_ROWS = 256;

/** Rows of floats, handed out one by one. Row 0 is nobody's and stays zero: what a step pads with. */
export class StateMemory {
  /** Floats of a row. */
  readonly width: number;
  #floats: Float32Array<ArrayBuffer>;
  readonly #free: number[] = [];
  /** Rows that have ever been handed out, row 0 included. */
  #used = 1;

  constructor(width: number) {
    this.width = width;
    this.#floats = new Float32Array(FIRST_ROWS * width);
  }

  /** All of it. A row that is taken may need a larger one: ask again after that. */
  get floats(): Float32Array<ArrayBuffer> {
    return this.#floats;
  }

  /** Rows held. */
  get held(): number {
    return this.#used - 1 - this.#free.length;
  }

  /** Bytes of all rows, free ones too: what the most segments at once have needed. */
  get bytes(): number {
    return this.#floats.byteLength;
  }

  /** Takes a row and writes it; gives its number. */
  take(values: Float32Array): number {
    const row = this.#free.pop() ?? this.#used++;
    if (this.#used * this.width > this.#floats.length) {
      const larger = new Float32Array(2 * this.#floats.length);
      larger.set(this.#floats);
      this.#floats = larger;
    }
    this.#floats.set(values, row * this.width);
    return row;
  }

  /** Copies of rows, one after the other. */
  read(rows: readonly number[]): Float32Array {
    const copies = new Float32Array(rows.length * this.width);
    for (const [index, row] of rows.entries()) {
      copies.set(this.#floats.subarray(row * this.width, (row + 1) * this.width), index * this.width);
    }
    return copies;
  }

  giveBack(rows: readonly number[]): void {
    for (const row of rows) this.#free.push(row);
  }
}
