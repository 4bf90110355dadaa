// Corpus BLEU, equal to sacreBLEU's.
import { checkScoreArguments, referenceCount, SACREBLEU_VERSION } from "./signature.ts";
import { tokenize13a } from "./tokenizer-13a.ts";
import { splitAtSpace, trimEndOfSpace } from "./white-space.ts";

const MAX_ORDER = 4;
/** sacreBLEU's logarithm of zero. */
const LOG_OF_ZERO = -9999999999;

export interface BleuOptions {
  /** Compares in lower case. Default false. */
  lowercase?: boolean;
  /** `13a`: the tokenizer of mteval-v13a; `none`: the text is already words separated by white space. Default `13a`. */
  tokenize?: "13a" | "none";
}

export interface BleuScore {
  /** 0 to 100. */
  score: number;
  /** Matched n-grams, n = 1 to 4. */
  counts: number[];
  /** N-grams of the hypotheses, n = 1 to 4. */
  totals: number[];
  /** Smoothed precisions in percent, n = 1 to 4. */
  precisions: number[];
  /** 1 when the output is at least as long as the references. */
  brevityPenalty: number;
  /** Words of all hypotheses. */
  hypothesisLength: number;
  /** Words of all references, of each segment the one nearest in length, the shorter of two as near. */
  referenceLength: number;
  /** sacreBLEU's signature of these settings. */
  signature: string;
}

/**
 * Corpus BLEU (Papineni et al. 2002) as sacreBLEU defines it: `BP · exp(Σ log p_n / 4)`, n-gram counts clipped to the
 * most that any one reference has, `BP = exp(1 − r/c)` for c < r, and "exp" smoothing (Chen & Cherry 2014, method 3:
 * the k-th precision without a match counts as `1 / (2^k · total)`).
 *
 * @param hypotheses one output a segment
 * @param references every segment's references, one or more; their number may differ
 * @throws RangeError when there is nothing to score or the two do not fit together
 */
export function corpusBleu(
  hypotheses: readonly string[],
  references: readonly (readonly string[])[],
  options: BleuOptions = {},
): BleuScore {
  checkScoreArguments(hypotheses, references);
  const counts = new Array<number>(MAX_ORDER).fill(0);
  const totals = new Array<number>(MAX_ORDER).fill(0);
  let hypothesisLength = 0;
  let referenceLength = 0;
  for (const [index, hypothesis] of hypotheses.entries()) {
    const words = splitWords(hypothesis, options);
    const alternatives = references[index].map((reference) => splitWords(reference, options));
    hypothesisLength += words.length;
    referenceLength += nearestLength(
      words.length,
      alternatives.map((alternative) => alternative.length),
    );
    addMatches(words, alternatives, counts, totals);
  }
  const brevityPenalty = penalty(hypothesisLength, referenceLength);
  const precisions = smoothedPrecisions(counts, totals);
  const meanLog = precisions.reduce((sum, p) => sum + (p === 0 ? LOG_OF_ZERO : Math.log(p)), 0) / MAX_ORDER;
  return {
    score: counts.every((count) => count === 0) ? 0 : brevityPenalty * Math.exp(meanLog),
    counts,
    totals,
    precisions,
    brevityPenalty,
    hypothesisLength,
    referenceLength,
    signature: bleuSignature(references, options),
  };
}

/**
 * BLEU of one sentence as sacreBLEU's `sentence_bleu` defines it: "exp" smoothing (Chen & Cherry 2014, method 3), and only
 * the orders of which the hypothesis has n-grams.
 * @returns 0 to 100.
 */
export function sentenceBleu(hypothesis: string, references: readonly string[], options: BleuOptions = {}): number {
  const { counts, totals, precisions, brevityPenalty } = corpusBleu([hypothesis], [references], options);
  const orders = totals.filter((total) => total > 0).length;
  if (orders === 0 || counts.every((count) => count === 0)) return 0;
  const meanLog = precisions.slice(0, orders).reduce((sum, p) => sum + Math.log(p), 0) / orders;
  return brevityPenalty * Math.exp(meanLog);
}

/** The signature sacreBLEU gives a BLEU score with these references and settings. */
export function bleuSignature(references: readonly (readonly string[])[], options: BleuOptions = {}): string {
  const letterCase = options.lowercase ? "lc" : "mixed";
  const tokenizer = options.tokenize ?? "13a";
  return `nrefs:${referenceCount(references)}|case:${letterCase}|eff:no|tok:${tokenizer}|smooth:exp|version:${SACREBLEU_VERSION}`;
}

function splitWords(text: string, options: BleuOptions): string[] {
  const line = trimEndOfSpace(options.lowercase ? text.toLowerCase() : text);
  return options.tokenize === "none" ? splitAtSpace(line) : tokenize13a(line);
}

/** N-grams of all orders with their counts; words hold no white space, so joining with a space keeps them apart. */
function ngramCounts(words: readonly string[]): Map<string, number>[] {
  return Array.from({ length: MAX_ORDER }, (_, order) => {
    const found = new Map<string, number>();
    for (let start = 0; start + order < words.length; start++) {
      const ngram = words.slice(start, start + order + 1).join(" ");
      found.set(ngram, (found.get(ngram) ?? 0) + 1);
    }
    return found;
  });
}

function addMatches(words: string[], alternatives: string[][], counts: number[], totals: number[]): void {
  const allowed = alternatives.map(ngramCounts);
  for (const [order, ngrams] of ngramCounts(words).entries()) {
    for (const [ngram, count] of ngrams) {
      const most = Math.max(...allowed.map((reference) => reference[order].get(ngram) ?? 0));
      counts[order] += Math.min(count, most);
      totals[order] += count;
    }
  }
}

function nearestLength(length: number, candidates: number[]): number {
  return candidates.reduce((best, candidate) => {
    const closer = Math.abs(candidate - length) - Math.abs(best - length);
    return closer < 0 || (closer === 0 && candidate < best) ? candidate : best;
  });
}

function penalty(hypothesisLength: number, referenceLength: number): number {
  if (hypothesisLength >= referenceLength) return 1;
  return hypothesisLength > 0 ? Math.exp(1 - referenceLength / hypothesisLength) : 0;
}

function smoothedPrecisions(counts: readonly number[], totals: readonly number[]): number[] {
  const precisions = new Array<number>(MAX_ORDER).fill(0);
  if (counts.every((count) => count === 0)) return precisions;
  let halvings = 1;
  for (let order = 0; order < MAX_ORDER && totals[order] > 0; order++) {
    if (counts[order] === 0) halvings *= 2;
    precisions[order] = counts[order] === 0 ? 100 / (halvings * totals[order]) : (100 * counts[order]) / totals[order];
  }
  return precisions;
}
