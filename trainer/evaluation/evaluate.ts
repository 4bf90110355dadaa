// Scores the translations of a test set: one row of quality, latency and speed for one lag.
import type { Wait } from "../../models/wait.ts";
import { type BleuOptions, bleuSignature, corpusBleu } from "./bleu.ts";
import { chrfSignature, corpusChrf } from "./chrf.ts";
import { countWords, type TranslationOutput, targetWordDelays } from "./delays.ts";
import { corpusLatency } from "./latency.ts";
import type { EvaluationReport, EvaluationRow } from "./report.ts";
import type { TestSet } from "./test-set.ts";

export interface EvaluationConditions {
  /** The lag that the outputs were made with, in tokens behind. */
  wait: Wait;
  /** Wall time of translating the test set; left out, the row has no speed. */
  seconds?: number;
  /** Source tokens (model's tokens, ends of sentences included) that were translated in that time. */
  sourceTokens?: number;
}

/** How quality is scored: BLEU takes both settings, chrF the lower case. */
export type ScoringOptions = BleuOptions;

/**
 * Scores one output a sentence of `testSet`, in its order.
 *
 * Latency is in source words against the first reference's length, as {@link corpusLatency} says. A sentence without
 * output counts in quality and not in latency.
 *
 * @throws RangeError when outputs and sentences differ in number, when an output's text is not its events joined, or
 * when an event has read fewer words than the one before or more than its source has; the message names the sentence
 */
export function evaluateTranslations(
  testSet: TestSet,
  outputs: readonly TranslationOutput[],
  conditions: EvaluationConditions,
  scoring: ScoringOptions = {},
): EvaluationRow {
  if (outputs.length !== testSet.sentences.length) {
    throw new RangeError(`${outputs.length} outputs for ${testSet.sentences.length} sentences of ${testSet.name}`);
  }
  const sentences = testSet.sentences.map((sentence, index) => ({
    delays: delaysOf(testSet, index, outputs[index]),
    sourceLength: countWords(sentence.source),
    referenceLength: countWords(sentence.references[0]),
  }));
  const hypotheses = outputs.map((output) => output.text);
  const references = testSet.sentences.map((sentence) => sentence.references);
  const bleu = corpusBleu(hypotheses, references, scoring);
  const { seconds, sourceTokens } = conditions;
  return {
    wait: conditions.wait,
    bleu: bleu.score,
    chrf: corpusChrf(hypotheses, references, scoring).score,
    brevityPenalty: bleu.brevityPenalty,
    ...corpusLatency(sentences),
    sentences: outputs.length,
    seconds: seconds ?? null,
    sourceTokensPerSecond: seconds === undefined || sourceTokens === undefined ? null : sourceTokens / seconds,
  };
}

/** Rows of one test set with the signatures of the scores in them. */
export function createEvaluationReport(
  testSet: TestSet,
  rows: readonly EvaluationRow[],
  scoring: ScoringOptions = {},
): EvaluationReport {
  const references = testSet.sentences.map((sentence) => sentence.references);
  return {
    test: testSet.name,
    ...(testSet.target !== undefined && { target: testSet.target }),
    signatures: { bleu: bleuSignature(references, scoring), chrf: chrfSignature(references, scoring) },
    rows: [...rows],
  };
}

function delaysOf(testSet: TestSet, index: number, output: TranslationOutput): number[] {
  const where = `sentence ${index + 1} of ${testSet.name}`;
  if (output.events.map((event) => event.text).join("") !== output.text) {
    throw new RangeError(`${where}: the text is not its events joined`);
  }
  const words = countWords(testSet.sentences[index].source);
  const most = output.events.at(-1)?.wordsRead ?? 0;
  if (most > words) throw new RangeError(`${where}: ${most} words read of a source of ${words}`);
  try {
    return targetWordDelays(output.events);
  } catch (error) {
    throw new RangeError(`${where}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}
