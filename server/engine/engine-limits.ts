// What bounds a step, and so the time that a session can wait for the others.

export interface EngineLimits {
  /** Rows of a step at most: what is more goes into the next. */
  maxBatchSize: number;
  /** New source tokens of one session in one step at most; new chunks too. */
  maxRowTokens: number;
}

/** New source tokens of all sessions in one step at most, as long as each has one: some 15 ms of one core. */
export const MAX_STEP_TOKENS = 128;

/** New source tokens, and chunks, of a step for tails alone: what comes meanwhile waits for no more than that. */
export const MAX_TAIL_TOKENS = 24;

export const DEFAULT_ENGINE_LIMITS: Readonly<EngineLimits> = { maxBatchSize: 64, maxRowTokens: 32 };
