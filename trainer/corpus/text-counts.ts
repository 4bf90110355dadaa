// Running totals over sentence pairs, for the report.
import { UNK_ID } from "../../models/vocabulary.ts";
import { countWords, type Pair } from "./cleaning.ts";
import type { TextCounts } from "./report.ts";

export class TextCounter {
  #pairs = 0;
  readonly #words = { source: 0, target: 0 };
  readonly #tokens = { source: 0, target: 0 };
  #unknown = 0;

  add(pair: Pair, sourceIds: readonly number[], targetIds: readonly number[]): void {
    this.#pairs += 1;
    this.#words.source += countWords(pair.source);
    this.#words.target += countWords(pair.target);
    this.#tokens.source += sourceIds.length;
    this.#tokens.target += targetIds.length;
    for (const id of sourceIds) if (id === UNK_ID) this.#unknown += 1;
    for (const id of targetIds) if (id === UNK_ID) this.#unknown += 1;
  }

  result(): TextCounts {
    const perPair = (total: number) => (this.#pairs === 0 ? 0 : total / this.#pairs);
    const tokens = this.#tokens.source + this.#tokens.target;
    return {
      pairs: this.#pairs,
      sourceTokens: this.#tokens.source,
      targetTokens: this.#tokens.target,
      averageSourceWords: perPair(this.#words.source),
      averageTargetWords: perPair(this.#words.target),
      averageSourceTokens: perPair(this.#tokens.source),
      averageTargetTokens: perPair(this.#tokens.target),
      unknownTokens: tokens === 0 ? 0 : this.#unknown / tokens,
    };
  }
}
