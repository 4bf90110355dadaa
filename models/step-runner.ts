// What runs steps of segments: a student of either kind, or a stand-in for one in tests.
import type { SegmentDecoder, StepRequest, StepResult } from "./segment-decoder.ts";
import type { Wait } from "./wait.ts";

/** What a segment's past leaves behind for its next step; only the model that made it can read it. */
export interface StepState {
  /** P: source positions held. */
  readonly sourceLength: number;
  /** Chunks held. */
  readonly chunkLength: number;
  /** Bytes of memory held. */
  readonly bytes: number;
  /** Another that begins with what this one holds, which must not be given back before it. What is added to one is not in the other. */
  fork(): StepState;
  /** Gives the memory back; the segment is over. */
  release(): void;
}

/** One segment's share of a step; the model appends to its state. */
export interface StepRow<State extends StepState = StepState> extends StepRequest {
  state: State;
}

export interface StepRunner {
  /** Positions of a segment, EOS included. */
  readonly maxSourceTokens: number;
  /** A new segment's policy. Throws RangeError for a wait that is none. */
  newDecoder(wait: Wait): SegmentDecoder;
  /** A new segment's state, empty. */
  newState(): StepState;
  /** One step for all rows at once; each row's result is the same whatever shares the batch. */
  run(rows: readonly StepRow[]): Promise<StepResult[]>;
}

/** @throws RangeError when two rows of a step have one state. */
export function refuseSharedStates(rows: readonly StepRow[]): void {
  if (new Set(rows.map(({ state }) => state)).size < rows.length) {
    throw new RangeError("two rows of one step share a segment state");
  }
}

/**
 * The rows with their states as the model made them.
 * @throws RangeError when a state is another model's.
 */
export function rowsOfModel<State extends StepState>(
  rows: readonly StepRow[],
  isOwn: (state: StepState) => state is State,
): StepRow<State>[] {
  return rows.map((row, b) => {
    const { state } = row;
    if (!isOwn(state)) throw new RangeError(`row ${b}: its state is another model's`);
    return { ...row, state };
  });
}
