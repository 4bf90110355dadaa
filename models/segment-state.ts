// What a segment's past leaves behind for its next step: rows of state per source position and per slot.

export interface StateShape {
  /** Es: floats per source position. */
  sourceStateWidth: number;
  /** Ed: floats per slot. */
  slotStateWidth: number;
  /** λ. */
  slotsPerToken: number;
  maxSourceTokens: number;
  /** Floats per source position that only the decoder reads, where they are kept apart; default 0. */
  crossStateWidth?: number;
  /** Chunks at most; by default as many as source tokens. */
  maxChunks?: number;
}

/** Positions a segment starts with room for: most utterances need no second growth. */
const INITIAL_POSITIONS = 16;

const NOTHING = new Float32Array(0);

/** State of one segment, in buffers that double as it grows, up to the position limit. */
export class SegmentState {
  readonly #shape: StateShape;
  #source = new Float32Array(0);
  #slots = new Float32Array(0);
  #cross = new Float32Array(0);
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

  /** Rows held so far, a view. */
  get crossState(): Float32Array<ArrayBuffer> {
    return this.#cross.subarray(0, this.#sourceLength * (this.#shape.crossStateWidth ?? 0)); // [P, Ec]
  }

  /** Bytes of memory held, room to grow included. */
  get bytes(): number {
    return this.#source.byteLength + this.#slots.byteLength + this.#cross.byteLength;
  }

  /** Appends rows of new source state ([n, Es], with [n, Ec] beside it) and of new slot state ([chunks·λ, Ed]). */
  append(newSource: Float32Array, newSlots: Float32Array, newCross: Float32Array = NOTHING): void {
    const { sourceStateWidth, slotStateWidth, slotsPerToken, maxSourceTokens } = this.#shape;
    const { crossStateWidth = 0, maxChunks = maxSourceTokens } = this.#shape;
    const chunkWidth = slotsPerToken * slotStateWidth;
    const source = this.sourceState.length;
    const slots = this.slotState.length;
    const cross = this.crossState.length;
    this.#source = grown(this.#source, source, newSource.length, sourceStateWidth, maxSourceTokens);
    this.#slots = grown(this.#slots, slots, newSlots.length, chunkWidth, maxChunks);
    this.#cross = grown(this.#cross, cross, newCross.length, crossStateWidth, maxSourceTokens);
    this.#source.set(newSource, source);
    this.#slots.set(newSlots, slots);
    this.#cross.set(newCross, cross);
    this.#sourceLength += newSource.length / sourceStateWidth;
    this.#chunkLength += newSlots.length / chunkWidth;
  }

  /** A copy. */
  fork(): SegmentState {
    const fork = new SegmentState(this.#shape);
    fork.append(this.sourceState, this.slotState, this.crossState);
    return fork;
  }

  /** Gives the memory back; the segment is over. */
  release(): void {
    this.#source = new Float32Array(0);
    this.#slots = new Float32Array(0);
    this.#cross = new Float32Array(0);
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
