// The CTC student's decoder: every source token opens a chunk, which may be written once wait tokens from it are read.
import { CtcCollapse } from "./collapse.ts";
import type { DecodedPart, SegmentDecoder, StepRequest, StepResult, TailRequest } from "./segment-decoder.ts";
import { EOS_ID, isPlaceholder } from "./vocabulary.ts";
import { chunksReady, type Wait, waitToInteger } from "./wait.ts";

export interface CtcDecoderOptions {
  wait: Wait;
  /** λ. */
  slotsPerToken: number;
  /** Positions a segment may have, EOS included. */
  maxSourceTokens: number;
}

/**
 * The CTC student's decoder. A placeholder is written at most as often as the source tokens have it that the chunk was
 * allowed to see: so what it is written for has been read, however the text was cut, and others write nothing.
 */
export class CtcDecoder implements SegmentDecoder {
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
  /** How often each placeholder has been written. */
  readonly #carried = new Map<number, number>();

  constructor(options: CtcDecoderOptions) {
    this.#wait = waitToInteger(options.wait);
    this.#slotsPerToken = options.slotsPerToken;
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
    return this.#ended && this.#underWay === undefined && this.#chunks === this.#source.length;
  }

  get due(): number {
    const chunks = chunksReady(this.#source.length, this.#wait, this.#ended) - this.#chunks;
    return chunks <= 0 ? 0 : Math.max(chunks, this.#source.length - this.#positions);
  }

  read(ids: readonly number[]): void {
    if (this.#ended) throw new RangeError("the segment has ended: it takes no more tokens");
    if (ids.length > this.room) {
      throw new RangeError(`${ids.length} tokens do not fit: the segment has room for ${this.room}`);
    }
    this.#source.push(...ids);
  }

  /** Adds EOS, after which every chunk is due. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#source.push(EOS_ID);
  }

  /** Tokens that allow no chunk yet wait in the queue, because a step costs nearly the same without chunks. */
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

  accept(result: StepResult): number[] {
    return this.acceptParts(result).flatMap(({ ids }) => ids);
  }

  acceptParts(result: StepResult): DecodedPart[] {
    const request = this.#underWay;
    if (request === undefined) throw new RangeError("no step is under way: call next() first");
    const parts = this.#write(request, result, this.#chunks - request.chunks.length, this.#collapse, this.#carried);
    this.#underWay = undefined;
    return parts;
  }

  tail(maxTokens: number): TailRequest | undefined {
    if (this.#ended || this.#underWay !== undefined || this.#source.length === 0 || this.due > 0) return undefined;
    const [tokens, chunks] = [this.#positions, this.#chunks].map((from) => [...this.#source.slice(from), EOS_ID]);
    if (Math.max(tokens.length, chunks.length) > maxTokens) return undefined;
    const request = { tokens, chunks, wait: this.#wait };
    const [first, collapse, carried] = [this.#chunks, this.#collapse.fork(), new Map(this.#carried)];
    return {
      request,
      idsOf: (result) => this.#write(request, result, first, collapse, carried).flatMap(({ ids }) => ids),
    };
  }

  /** @param first number of the request's first chunk */
  #write(
    request: StepRequest,
    result: StepResult,
    first: number,
    collapse: CtcCollapse,
    carried: Map<number, number>,
  ): DecodedPart[] {
    const lambda = this.#slotsPerToken;
    const expected = request.chunks.length * lambda;
    if (result.slotIds.length !== expected) {
      throw new RangeError(`the step gave ${result.slotIds.length} slots, ${expected} were asked for`);
    }
    return request.chunks.map((_, chunk) => {
      const needs = first + chunk + this.#wait;
      const ids = collapse.push(result.slotIds.slice(chunk * lambda, (chunk + 1) * lambda));
      return { ids: ids.filter((id) => !isPlaceholder(id) || this.#mayCarry(id, needs, carried)), needs };
    });
  }

  #mayCarry(id: number, positions: number, carried: Map<number, number>): boolean {
    const count = (carried.get(id) ?? 0) + 1;
    const read = this.#source.slice(0, positions).filter((other) => other === id).length;
    if (count > read) return false;
    carried.set(id, count);
    return true;
  }
}
