// A step model without a network: each chunk's slots are a hash of exactly what the real graph may see for it.
import { CtcDecoder } from "./ctc-decoder.ts";
import type { StepResult } from "./segment-decoder.ts";
import { SegmentState } from "./segment-state.ts";
import { rowsOfModel, type StepRow, type StepRunner, type StepState } from "./step-runner.ts";
import { BLANK_ID, isPlaceholder, SPECIAL_TOKENS } from "./vocabulary.ts";
import type { Wait } from "./wait.ts";

export interface StandInModelOptions {
  vocabularySize: number;
  /** λ; default 2. */
  slotsPerToken?: number;
  /** Default 160. */
  maxSourceTokens?: number;
}

const isOwn = (state: StepState): state is SegmentState => state instanceof SegmentState;

/**
 * Keeps the rules of the step graph: chunk i sees source positions 0..i+wait-1 and the slots before it, whenever it is
 * computed. Its state rows are the token ids and slot ids themselves. A placeholder's chunk writes that placeholder. For tests and load generators.
 */
export class StandInModel implements StepRunner {
  readonly slotsPerToken: number;
  readonly maxSourceTokens: number;
  readonly #vocabularySize: number;
  /** Rows of each run so far. */
  readonly batches: number[] = [];

  constructor(options: StandInModelOptions) {
    this.slotsPerToken = options.slotsPerToken ?? 2;
    this.maxSourceTokens = options.maxSourceTokens ?? 160;
    this.#vocabularySize = options.vocabularySize;
  }

  newDecoder(wait: Wait): CtcDecoder {
    return new CtcDecoder({ wait, slotsPerToken: this.slotsPerToken, maxSourceTokens: this.maxSourceTokens });
  }

  newState(): SegmentState {
    const { slotsPerToken, maxSourceTokens } = this;
    return new SegmentState({ sourceStateWidth: 1, slotStateWidth: 1, slotsPerToken, maxSourceTokens });
  }

  run(rows: readonly StepRow[]): Promise<StepResult[]> {
    this.batches.push(rows.length);
    return Promise.resolve(rowsOfModel(rows, isOwn).map((row) => this.#row(row)));
  }

  #row({ state, tokens, chunks, wait }: StepRow<SegmentState>): StepResult {
    const slotIds: number[] = [];
    const before = state.chunkLength;
    state.append(Float32Array.from(tokens), new Float32Array(0));
    const source = state.sourceState;
    for (const [index, token] of chunks.entries()) {
      const chunk = before + index;
      if (source[chunk] !== token)
        throw new RangeError(`chunk ${chunk} repeats ${token}, position holds ${source[chunk]}`);
      let hash = 0;
      for (const id of source.subarray(0, chunk + wait)) hash = mix(hash, id);
      for (const id of state.slotState) hash = mix(hash, id);
      const copied = isPlaceholder(token) ? [token] : [];
      const written = Array.from({ length: this.slotsPerToken }, (_, slot) => this.#idOf(mix(hash, slot)));
      const ids = [...copied, ...written].slice(0, this.slotsPerToken);
      state.append(new Float32Array(0), Float32Array.from(ids));
      slotIds.push(...ids);
    }
    return { slotIds, slotScores: slotIds.map(() => -0.5) };
  }

  /** Blank in two of five slots, and few enough ids that neighbours repeat. */
  #idOf(hash: number): number {
    if (hash % 5 < 2) return BLANK_ID;
    const ordinary = Math.max(1, Math.min(12, this.#vocabularySize - SPECIAL_TOKENS.length));
    return SPECIAL_TOKENS.length + ((hash >>> 8) % ordinary);
  }
}

/** One round of a 32-bit multiplicative hash. */
export function mix(hash: number, value: number): number {
  const mixed = Math.imul(hash ^ (value + 0x9e3779b9), 0x85ebca6b);
  return (mixed ^ (mixed >>> 13)) >>> 0;
}
