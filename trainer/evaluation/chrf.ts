// Corpus chrF2, equal to sacreBLEU's.
import { checkScoreArguments, referenceCount, SACREBLEU_VERSION } from "./signature.ts";
import { splitAtSpace } from "./white-space.ts";

const MAX_ORDER = 6;
const BETA_SQUARED = 4;

export interface ChrfOptions {
  /** Compares in lower case. Default false. */
  lowercase?: boolean;
}

export interface ChrfScore {
  /** 0 to 100. */
  score: number;
  /** sacreBLEU's signature of these settings. */
  signature: string;
}

/** Character n-grams of one order: in the hypothesis, in the reference, in both. */
interface OrderStatistics {
  hypothesis: number;
  reference: number;
  matched: number;
}

/**
 * Corpus chrF2 (Popović 2015) as sacreBLEU defines it: character n-grams of order 1 to 6 without white space, precision
 * and recall each averaged over the orders that both sides have, `F = 5PR / (4P + R)` in percent. Of several references
 * the one with the best F of the segment counts.
 *
 * @param hypotheses one output a segment
 * @param references every segment's references, one or more; their number may differ
 * @throws RangeError when there is nothing to score or the two do not fit together
 */
export function corpusChrf(
  hypotheses: readonly string[],
  references: readonly (readonly string[])[],
  options: ChrfOptions = {},
): ChrfScore {
  checkScoreArguments(hypotheses, references);
  const sums = emptyStatistics();
  for (const [index, hypothesis] of hypotheses.entries()) {
    const best = bestStatistics(hypothesis, references[index], options);
    for (const [order, sum] of sums.entries()) {
      sum.hypothesis += best[order].hypothesis;
      sum.reference += best[order].reference;
      sum.matched += best[order].matched;
    }
  }
  return { score: fScore(sums), signature: chrfSignature(references, options) };
}

/** The signature sacreBLEU gives a chrF score with these references and settings. */
export function chrfSignature(references: readonly (readonly string[])[], options: ChrfOptions = {}): string {
  const letterCase = options.lowercase ? "lc" : "mixed";
  return `nrefs:${referenceCount(references)}|case:${letterCase}|eff:yes|nc:${MAX_ORDER}|nw:0|space:no|version:${SACREBLEU_VERSION}`;
}

function emptyStatistics(): OrderStatistics[] {
  return Array.from({ length: MAX_ORDER }, () => ({ hypothesis: 0, reference: 0, matched: 0 }));
}

function bestStatistics(hypothesis: string, references: readonly string[], options: ChrfOptions): OrderStatistics[] {
  const spoken = characterNgrams(hypothesis, options);
  let best = emptyStatistics();
  let bestScore = -1;
  for (const reference of references) {
    const statistics = characterNgrams(reference, options).map((ngrams, order) => compare(spoken[order], ngrams));
    const score = fScore(statistics);
    if (score > bestScore) {
      best = statistics;
      bestScore = score;
    }
  }
  return best;
}

function characterNgrams(text: string, options: ChrfOptions): Map<string, number>[] {
  // By code point, as Python's strings are.
  const characters = Array.from(splitAtSpace(options.lowercase ? text.toLowerCase() : text).join(""));
  return Array.from({ length: MAX_ORDER }, (_, order) => {
    const found = new Map<string, number>();
    for (let start = 0; start + order < characters.length; start++) {
      const ngram = characters.slice(start, start + order + 1).join("");
      found.set(ngram, (found.get(ngram) ?? 0) + 1);
    }
    return found;
  });
}

function compare(hypothesis: Map<string, number>, reference: Map<string, number>): OrderStatistics {
  let matched = 0;
  for (const [ngram, count] of hypothesis) matched += Math.min(count, reference.get(ngram) ?? 0);
  return {
    // N-grams of an order that the reference is too short for are not counted against the hypothesis.
    hypothesis: reference.size > 0 ? total(hypothesis) : 0,
    reference: total(reference),
    matched,
  };
}

function total(ngrams: Map<string, number>): number {
  let sum = 0;
  for (const count of ngrams.values()) sum += count;
  return sum;
}

function fScore(statistics: readonly OrderStatistics[]): number {
  const orders = statistics.filter((order) => order.hypothesis > 0 && order.reference > 0);
  if (orders.length === 0) return 0;
  const precision = orders.reduce((sum, order) => sum + order.matched / order.hypothesis, 0) / orders.length;
  const recall = orders.reduce((sum, order) => sum + order.matched / order.reference, 0) / orders.length;
  if (precision + recall === 0) return 0;
  return (100 * ((1 + BETA_SQUARED) * precision * recall)) / (BETA_SQUARED * precision + recall);
}
