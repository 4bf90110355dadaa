// What bounds a step, and so the time that a session can wait for the others.

export interface EngineLimits {
  /** Rows of a step at most: what is more goes into the next. */
  maxBatchSize: number;
  /** New source tokens of one session in one step at most; new chunks too. */
  maxRowTokens: number;
}

export const DEFAULT_ENGINE_LIMITS: Readonly<EngineLimits> = { maxBatchSize: 64, maxRowTokens: 32 };
