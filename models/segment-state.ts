// What a segment's past leaves behind for its next step: one row of state per source position and per slot.

export interface StateShape {
  /** Es: floats per source position. */
  sourceStateWidth: number;
  /** Ed: floats per slot. */
  slotStateWidth: number;
  /** λ. */
  slotsPerToken: number;
  maxSourceTokens: number;
}

/** Positions a segment starts with room for: most utterances need no second growth. */
const INITIAL_POSITIONS = 16;

/** State of one segment, in two buffers that double as it grows, up to the position limit. */
export class SegmentState {
  readonly #shape: StateShape;
  #source = new Float32Array(0);
  #slots = new Float32Array(0);
  #sourceLength = 0;
  #chunkLength = 0;

  constructor(shape: StateShape) {
    this.#shape = shape;
  }

  /** P: source positions held. */
  get sourceLength(): number {
    return this.#sourceLength;
  }

  /** Chunks held; slots are λ times as many (Q). */
  get chunkLength(): number {
    return this.#chunkLength;
  }

  /** Rows held so far, a view. */
  get sourceState(): Float32Array<ArrayBuffer> {
    return this.#source.subarray(0, this.#sourceLength * this.#shape.sourceStateWidth); // [P, Es]
  }

  /** Rows held so far, a view. */
  get slotState(): Float32Array<ArrayBuffer> {
    return this.#slots.subarray(0, this.#chunkLength * this.#shape.slotsPerToken * this.#shape.slotStateWidth); // [Q, Ed]
  }

  /** Bytes of memory held, room to grow included. */
  get bytes(): number {
    return this.#source.byteLength + this.#slots.byteLength;
  }

  /** Appends rows of new source state ([n, Es]) and of new slot state ([chunks·λ, Ed]). */
  append(newSource: Float32Array, newSlots: Float32Array): void {
    const { sourceStateWidth, slotStateWidth, slotsPerToken, maxSourceTokens } = this.#shape;
    const chunkWidth = slotsPerToken * slotStateWidth;
    const source = this.sourceState.length;
    const slots = this.slotState.length;
    this.#source = grown(this.#source, source, newSource.length, sourceStateWidth, maxSourceTokens);
    this.#slots = grown(this.#slots, slots, newSlots.length, chunkWidth, maxSourceTokens);
    this.#source.set(newSource, source);
    this.#slots.set(newSlots, slots);
    this.#sourceLength += newSource.length / sourceStateWidth;
    this.#chunkLength += newSlots.length / chunkWidth;
  }

  /** Gives the memory back; the segment is over. */
  release(): void {
    this.#source = new Float32Array(0);
    this.#slots = new Float32Array(0);
    this.#sourceLength = 0;
    this.#chunkLength = 0;
  }
}

/** The buffer, or a larger one with its first `used` floats, that takes `more` floats. */
function grown(buffer: Float32Array<ArrayBuffer>, used: number, more: number, width: number, maxRows: number) {
  const needed = used + more;
  if (needed <= buffer.length) return buffer;
  if (needed > maxRows * width) throw new RangeError(`segment state: ${needed / width} rows, the limit is ${maxRows}`);
  const doubled = Math.max(INITIAL_POSITIONS * width, 2 * buffer.length);
  const larger = new Float32Array(Math.min(Math.max(needed, doubled), maxRows * width));
  larger.set(buffer.subarray(0, used));
  return larger;
}
