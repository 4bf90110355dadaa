// The autoregressive student's decoder: wait-k (Ma et al. 2019), one target token after each source token, the rest at the end.
import type { DecodedPart, SegmentDecoder, StepRequest, StepResult } from "./segment-decoder.ts";
import { BOS_ID, EOS_ID } from "./vocabulary.ts";
import { type Wait, waitToInteger } from "./wait.ts";

/**
 * The longest translation of a segment, in tokens.
 * @param sourcePositions EOS included.
 */
export function targetLimit(sourcePositions: number): number {
  return 2 * sourcePositions + 10;
}

export interface WaitKDecoderOptions {
  wait: Wait;
  /** Positions a segment may have, EOS included. */
  maxSourceTokens: number;
}

/**
 * Target token u may be written once u + wait source positions are read, and then sees just these. A segment that would
 * end before its source does is not over: the token is not written, and from then on the lag is one more, until something
 * else is to be said or the source has ended too.
 */
export class WaitKDecoder implements SegmentDecoder {
  readonly #maxSourceTokens: number;
  /** All source ids so far, EOS at the end once the segment has ended. */
  readonly #source: number[] = [];
  /** The wait, and one more for each end that came too early. */
  #lag: number;
  #ended = false;
  #finished = false;
  /** Source positions that steps have been asked for. */
  #positions = 0;
  #written = 0;
  #previous = BOS_ID;
  #underWay: StepRequest | undefined;

  constructor(options: WaitKDecoderOptions) {
    this.#lag = waitToInteger(options.wait);
    this.#maxSourceTokens = options.maxSourceTokens;
  }

  get room(): number {
    return this.#ended ? 0 : this.#maxSourceTokens - 1 - this.#source.length;
  }

  get full(): boolean {
    return this.room <= 0;
  }

  get tokensRead(): number {
    return this.#ended ? Math.min(this.#positions, this.#source.length - 1) : this.#positions;
  }

  get done(): boolean {
    return this.#finished && this.#underWay === undefined;
  }

  get due(): number {
    return this.#mayWrite(this.#source.length) ? Math.max(1, this.#source.length - this.#positions) : 0;
  }

  read(ids: readonly number[]): void {
    if (this.#ended) throw new RangeError("the segment has ended: it takes no more tokens");
    if (ids.length > this.room) {
      throw new RangeError(`${ids.length} tokens do not fit: the segment has room for ${this.room}`);
    }
    this.#source.push(...ids);
  }

  /** Adds EOS; what is left to say is written token after token. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#source.push(EOS_ID);
  }

  /** Tokens that allow no write yet wait in the queue: one step reads them all. A step writes at most one token. */
  next(maxTokens = Number.POSITIVE_INFINITY): StepRequest | undefined {
    if (this.#underWay !== undefined || this.due === 0) return undefined;
    const positions = Math.min(this.#source.length, this.#positions + maxTokens);
    this.#underWay = {
      tokens: this.#source.slice(this.#positions, positions),
      chunks: this.#mayWrite(positions) ? [this.#previous] : [],
      wait: this.#lag,
    };
    this.#positions = positions;
    return this.#underWay;
  }

  accept(result: StepResult): number[] {
    return this.acceptParts(result).flatMap(({ ids }) => ids);
  }

  acceptParts(result: StepResult): DecodedPart[] {
    const request = this.#underWay;
    if (request === undefined) throw new RangeError("no step is under way: call next() first");
    const expected = request.chunks.length;
    if (result.slotIds.length !== expected) {
      throw new RangeError(`the step gave ${result.slotIds.length} target tokens, ${expected} were asked for`);
    }
    this.#underWay = undefined;
    if (expected === 0) return [];
    const [id] = result.slotIds;
    const needs = this.#written + this.#lag;
    if (id === EOS_ID) {
      if (this.#ended && needs >= this.#source.length) this.#finished = true;
      else this.#lag += 1;
      return [];
    }
    this.#written += 1;
    this.#previous = id;
    this.#finished = this.#ended && this.#written >= targetLimit(this.#source.length);
    return [{ ids: [id], needs }];
  }

  /** Whether the next token may be written when so many positions are read. */
  #mayWrite(positions: number): boolean {
    if (this.#finished) return false;
    const allRead = this.#ended && positions === this.#source.length;
    return allRead || this.#written + this.#lag <= positions;
  }
}
