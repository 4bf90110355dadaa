// What `prepare` did, in counts: nothing is left out of the training data without a number here.
import type { EpochStatistics } from "./batches.ts";
import type { CleaningRule } from "./cleaning.ts";
import type { ORIGINS, ResolvedPrepareConfig } from "./config.ts";
import type { PairFormat } from "./formats/pair-files.ts";

/** Size of a text in both languages. */
export interface TextCounts {
  pairs: number;
  sourceTokens: number;
  targetTokens: number;
  /** Words between white space, per sentence. */
  averageSourceWords: number;
  averageTargetWords: number;
  averageSourceTokens: number;
  averageTargetTokens: number;
  /** Share of tokens that are `<unk>`. */
  unknownTokens: number;
}

export interface CorpusReport extends TextCounts {
  name: string;
  path: string;
  format: PairFormat;
  /** Its language, where the recipe says it. */
  target?: string;
  weight: number;
  join: number;
  origin?: (typeof ORIGINS)[number];
  read: number;
  dropped: Record<CleaningRule, number>;
  /** Of pairs kept before, from this corpus or one named earlier. */
  duplicates: number;
  /** Source or target is a held-out sentence, case and punctuation folded. */
  leaks: number;
}

export interface HeldOutReport extends TextCounts {
  name: string;
  path: string;
  target?: string;
  references: number;
}

export interface PrepareReport {
  config: ResolvedPrepareConfig;
  train: CorpusReport[];
  valid: HeldOutReport[];
  test: HeldOutReport[];
  tokenizer: {
    sha256: string;
    vocabulary: number;
    alphabet: number;
    merges: number;
    /** Different characters of the training text that became `<unk>`. */
    unknownCharacters: number;
  };
  /** What one pass holds, with batches of 2,048 padded tokens and at most 96 tokens a side. */
  epoch: EpochStatistics;
  seconds: { clean: number; tokenizer: number; encode: number; total: number };
}
