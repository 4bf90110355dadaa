// One segment's bookkeeping: source tokens in, the steps that are due, target ids out. No runtime, no state tensors.
import { CtcCollapse } from "./collapse.ts";
import { EOS_ID } from "./vocabulary.ts";
import { chunksReady, type Wait, waitToInteger } from "./wait.ts";

/** One row of a step: what is new for one segment. */
export interface StepRequest {
  /** New source ids, EOS included when it is their turn; may be empty. */
  tokens: number[];
  /** The source ids whose chunks open now, oldest first; may be empty. */
  chunks: number[];
  /** Wait as the graph's integer. */
  wait: number;
}

/** What a step gave one row, slotsPerToken entries for each of its chunks. */
export interface StepResult {
  slotIds: number[];
  /** Log-probability of each slot's id. */
  slotScores: number[];
}

export interface SegmentDecoderOptions {
  wait: Wait;
  /** λ. */
  slotsPerToken: number;
  /** Positions a segment may have, EOS included. */
  maxSourceTokens: number;
}

/** Read, then `next` and `accept` in turn until `next` has nothing, again and again until `done`. */
export class SegmentDecoder {
  readonly #wait: number;
  readonly #slotsPerToken: number;
  readonly #maxSourceTokens: number;
  readonly #collapse = new CtcCollapse();
  /** All source ids so far, EOS at the end once the segment has ended. */
  readonly #source: number[] = [];
  #ended = false;
  /** Source positions and chunks that steps have been asked for. */
  #positions = 0;
  #chunks = 0;
  #underWay: StepRequest | undefined;

  constructor(options: SegmentDecoderOptions) {
    this.#wait = waitToInteger(options.wait);
    this.#slotsPerToken = options.slotsPerToken;
    this.#maxSourceTokens = options.maxSourceTokens;
  }

  /** How many more source tokens the position limit allows; one position is kept for EOS. */
  get room(): number {
    return this.#ended ? 0 : this.#maxSourceTokens - 1 - this.#source.length;
  }

  /** The position limit leaves only room for EOS. */
  get full(): boolean {
    return this.room <= 0;
  }

  /** Source tokens handed to steps so far, EOS not counted. */
  get tokensRead(): number {
    return this.#ended ? Math.min(this.#positions, this.#source.length - 1) : this.#positions;
  }

  /** The segment has ended and every chunk has been accepted. */
  get done(): boolean {
    return this.#ended && this.#underWay === undefined && this.#chunks === this.#source.length;
  }

  /**
   * Queues new source tokens.
   * @throws RangeError when they do not fit in `room`: end this segment and go on in a new one.
   */
  read(ids: readonly number[]): void {
    if (this.#ended) throw new RangeError("the segment has ended: it takes no more tokens");
    if (ids.length > this.room) {
      throw new RangeError(`${ids.length} tokens do not fit: the segment has room for ${this.room}`);
    }
    this.#source.push(...ids);
  }

  /** The source has ended: adds EOS, after which every chunk is due. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#source.push(EOS_ID);
  }

  /**
   * What to run now; undefined while a step is under way or when nothing is due. Tokens that allow no chunk yet wait in
   * the queue, because a step costs nearly the same without chunks.
   * @param maxTokens at most this many new tokens, and as many chunks, in one step.
   */
  next(maxTokens = Number.POSITIVE_INFINITY): StepRequest | undefined {
    if (this.#underWay !== undefined) return undefined;
    const due = chunksReady(this.#source.length, this.#wait, this.#ended);
    if (due <= this.#chunks) return undefined;
    const positions = Math.min(this.#source.length, this.#positions + maxTokens);
    const allRead = this.#ended && positions === this.#source.length;
    const ready = chunksReady(positions, this.#wait, allRead);
    const chunks = Math.max(this.#chunks, Math.min(ready, this.#chunks + maxTokens));
    this.#underWay = {
      tokens: this.#source.slice(this.#positions, positions),
      chunks: this.#source.slice(this.#chunks, chunks),
      wait: this.#wait,
    };
    this.#positions = positions;
    this.#chunks = chunks;
    return this.#underWay;
  }

  /** Takes the result of the step under way; gives the target ids it adds. */
  accept(result: StepResult): number[] {
    return this.acceptChunks(result).flat();
  }

  /** The same, one list for each chunk of the step. */
  acceptChunks(result: StepResult): number[][] {
    const request = this.#underWay;
    if (request === undefined) throw new RangeError("no step is under way: call next() first");
    const expected = request.chunks.length * this.#slotsPerToken;
    if (result.slotIds.length !== expected) {
      throw new RangeError(`the step gave ${result.slotIds.length} slots, ${expected} were asked for`);
    }
    this.#underWay = undefined;
    return request.chunks.map((_, chunk) =>
      this.#collapse.push(result.slotIds.slice(chunk * this.#slotsPerToken, (chunk + 1) * this.#slotsPerToken)),
    );
  }
}
