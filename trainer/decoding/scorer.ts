// What beam search and sampling ask of an autoregressive model, ours or another: what may follow, row by row.

/** Likely next ids of every row. */
export interface Candidates {
  /** How many each row has. */
  readonly count: number;
  /** `[rows, count]`; left out where a row has every id in order, so that a place is its id. */
  readonly ids?: ArrayLike<number> | BigInt64Array;
  /** `[rows, count]` log-probabilities at temperature 1; best first where there are ids. */
  readonly logProbabilities: Float32Array;
}

/** The next step's rows: a batch of sentences, each with the same number of rows. */
export interface StepRows {
  /** The last id that each row has written; what stands here at the first step is not read. */
  readonly tokens: readonly number[]; // [rows]
  /** The row of the step before that each row goes on from. */
  readonly order: readonly number[]; // [rows]
  /** The sentences that go on, by their places in the step before. */
  readonly keep: readonly number[]; // [sentences]
}

/** A batch while it is being written. */
export interface Decoding {
  /** What may follow in each row. The first call gives what may begin. */
  next(rows: StepRows): Promise<Candidates>;
}

/** A model that writes one token after another. */
export interface AutoregressiveScorer {
  /** The id that ends a hypothesis. */
  readonly endId: number;
  /** Ids of a hypothesis at most, the end not counted. */
  readonly longest: number;
  /**
   * Reads a batch of sources.
   * @param sources ids without their end.
   * @param rowsPerSentence beams.
   */
  open(sources: readonly (readonly number[])[], rowsPerSentence: number): Promise<Decoding>;
  release(): Promise<void>;
}

/** A candidate's id. */
export function candidateId({ ids, count }: Candidates, row: number, place: number): number {
  return ids === undefined ? place : Number(ids[row * count + place]);
}

/** A hypothesis has at most `ratio` tokens for each source token, and 10 more. */
export const longestHypothesis = (scorer: AutoregressiveScorer, sourceTokens: number, ratio: number): number =>
  Math.min(scorer.longest, Math.ceil(sourceTokens * ratio) + 10);
