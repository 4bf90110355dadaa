// What runs steps of segments: a student of either kind, or a stand-in for one in tests.
import type { SegmentDecoder, StepResult } from "./segment-decoder.ts";
import type { SegmentState } from "./segment-state.ts";
import type { StepRow } from "./step-batch.ts";
import type { Wait } from "./wait.ts";

export interface StepRunner {
  /** Positions of a segment, EOS included. */
  readonly maxSourceTokens: number;
  /** A new segment's policy. Throws RangeError for a wait that is none. */
  newDecoder(wait: Wait): SegmentDecoder;
  /** A new segment's state, empty. */
  newState(): SegmentState;
  /** One step for all rows at once; each row's result is the same whatever shares the batch. */
  run(rows: readonly StepRow[]): Promise<StepResult[]>;
}

/** @throws RangeError when two rows of a step have one state. */
export function refuseSharedStates(rows: readonly StepRow[]): void {
  if (new Set(rows.map(({ state }) => state)).size < rows.length) {
    throw new RangeError("two rows of one step share a segment state");
  }
}
