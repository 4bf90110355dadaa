// One segment's bookkeeping, for every kind of student: source tokens in, the steps that are due, target ids out.

// What a decoder position is called here is a chunk: the λ slots of a source token in a CTC student, the next target
// token in an autoregressive one. Chunk u sees source positions below u + wait.

/** One row of a step: what is new for one segment. */
export interface StepRequest {
  /** New source ids, EOS included when it is their turn; may be empty. */
  tokens: number[];
  /** What the decoder takes in for each chunk that opens now, oldest first; may be empty. */
  chunks: number[];
  /** Wait as the graph's integer. */
  wait: number;
}

/** What a step gave one row, as many entries for each of its chunks as the model has slots. */
export interface StepResult {
  slotIds: number[];
  /** Log-probability of each slot's id. */
  slotScores: number[];
}

/** What one chunk wrote. */
export interface DecodedPart {
  /** Target ids, often none. */
  ids: number[];
  /** Source positions that had to be read for it; with more than the segment has, its end. */
  needs: number;
}

/** What would be written next if the source ended now, in one step on a fork of the state. */
export interface TailRequest {
  request: StepRequest;
  /** The target ids of its result; nothing is changed by it. */
  idsOf(result: StepResult): number[];
}

/**
 * Read, then `next` and `accept` in turn until `next` has nothing, again and again until `done`. No runtime, no state
 * tensors. What is written depends on the source and the wait alone, not on how the tokens came.
 */
export interface SegmentDecoder {
  /** How many more source tokens the position limit allows; one position is kept for EOS. */
  readonly room: number;
  /** The position limit leaves only room for EOS. */
  readonly full: boolean;
  /** Source tokens handed to steps so far, EOS not counted. */
  readonly tokensRead: number;
  /** The segment has ended and all that it has to say has been accepted. */
  readonly done: boolean;
  /** New tokens or new chunks that a step could take, whichever are more; 0 while nothing is due. */
  readonly due: number;
  /**
   * Queues new source tokens.
   * @throws RangeError when they do not fit in `room`: end this segment and go on in a new one.
   */
  read(ids: readonly number[]): void;
  /** The source has ended. */
  end(): void;
  /**
   * What to run now; undefined while a step is under way or when nothing is due.
   * @param maxTokens at most this many new tokens, and as many chunks, in one step.
   */
  next(maxTokens?: number): StepRequest | undefined;
  /**
   * Takes the result of the step under way; gives the target ids it adds.
   * @throws RangeError when it is not what was asked for.
   */
  accept(result: StepResult): number[];
  /** The same, chunk by chunk. */
  acceptParts(result: StepResult): DecodedPart[];
  /**
   * What it takes to know the rest as it would be if the source ended now. Undefined while something is due, where there is
   * nothing to add to, or where it takes more than so many new tokens or chunks. Absent where one step does not tell.
   */
  tail?(maxTokens: number): TailRequest | undefined;
}
