// An autoregressive model without a network: each token is a hash of exactly what the real graphs may see for it.
import type { StepResult } from "./segment-decoder.ts";
import { SegmentState } from "./segment-state.ts";
import { mix } from "./stand-in-model.ts";
import { rowsOfModel, type StepRow, type StepRunner, type StepState } from "./step-runner.ts";
import { EOS_ID, SPECIAL_TOKENS } from "./vocabulary.ts";
import type { Wait } from "./wait.ts";
import { targetLimit, WaitKDecoder } from "./wait-k-decoder.ts";

const isOwn = (state: StepState): state is SegmentState => state instanceof SegmentState;

/** Keeps the rules of the read and write graphs; the states' rows are the ids themselves. It ends one time in eight. */
export class StandInWaitKModel implements StepRunner {
  readonly maxSourceTokens: number;
  /** Rows of each run so far. */
  readonly batches: number[] = [];

  constructor(maxSourceTokens = 160) {
    this.maxSourceTokens = maxSourceTokens;
  }

  newDecoder(wait: Wait): WaitKDecoder {
    return new WaitKDecoder({ wait, maxSourceTokens: this.maxSourceTokens });
  }

  newState(): SegmentState {
    const { maxSourceTokens } = this;
    const widths = { sourceStateWidth: 1, crossStateWidth: 1, slotStateWidth: 1, slotsPerToken: 1 };
    return new SegmentState({ ...widths, maxSourceTokens, maxChunks: targetLimit(maxSourceTokens) });
  }

  run(rows: readonly StepRow[]): Promise<StepResult[]> {
    this.batches.push(rows.length);
    return Promise.resolve(rowsOfModel(rows, isOwn).map((row) => this.#row(row)));
  }

  #row({ state, tokens, chunks, wait }: StepRow<SegmentState>): StepResult {
    const read = Float32Array.from(tokens);
    state.append(read, new Float32Array(0), read);
    if (chunks.length === 0) return { slotIds: [], slotScores: [] };
    let hash = chunks[0];
    for (const id of state.crossState.subarray(0, state.chunkLength + wait)) hash = mix(hash, id);
    for (const id of state.slotState) hash = mix(hash, id);
    const id = hash % 8 === 0 ? EOS_ID : SPECIAL_TOKENS.length + ((hash >>> 8) % 12);
    if (id !== EOS_ID) state.append(new Float32Array(0), Float32Array.of(id), new Float32Array(0));
    return { slotIds: [id], slotScores: [-0.5] };
  }
}
