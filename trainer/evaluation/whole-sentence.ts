// An autoregressive model on a test set: every sentence whole, by beam search.
import { BeamSearch, type BeamSearchSettings, candidatesOf, translateAll } from "../decoding/beam-search.ts";
import type { TextModel } from "../decoding/text-model.ts";
import { countWords } from "./delays.ts";
import { createEvaluationReport, evaluateTranslations } from "./evaluate.ts";
import { noisyTestSet } from "./noisy-test-set.ts";
import type { EvaluationReport, EvaluationRow } from "./report.ts";
import { qualityOf } from "./streaming.ts";
import type { TestSet } from "./test-set.ts";

/** Source tokens of a batch. */
const BATCH_TOKENS = 2048;

/**
 * @param noiseLanguage the sources' language where noisy sources are translated too
 * @returns one row, at wait "full": nothing is written before the source has ended.
 */
export async function evaluateWholeSentences(
  test: TestSet,
  model: TextModel,
  settings: BeamSearchSettings,
  threads: number,
  noiseLanguage?: string,
): Promise<EvaluationReport> {
  const search = new BeamSearch(await model.open(candidatesOf(settings.beam), threads), settings);
  try {
    const row = await evaluate(test);
    if (noiseLanguage === undefined) return createEvaluationReport(test, [row]);
    const noisy = qualityOf(await evaluate(noisyTestSet(test, noiseLanguage)));
    return createEvaluationReport(test, [{ ...row, noisy }]);
  } finally {
    await search.dispose();
  }

  async function evaluate(set: TestSet): Promise<EvaluationRow> {
    const ids = set.sentences.map(({ source }) => sourceIds(model, source));
    const sourceTokens = ids.reduce((sum, tokens) => sum + tokens.length + 1, 0);
    const started = performance.now();
    const found = await translateAll(search, ids, BATCH_TOKENS);
    const seconds = (performance.now() - started) / 1000;
    const outputs = found.map((hypotheses, index) => {
      const text = model.codec.decode(hypotheses[0]?.ids ?? []);
      return { text, events: text === "" ? [] : [{ wordsRead: countWords(set.sentences[index]!.source), text }] };
    });
    return evaluateTranslations(set, outputs, { wait: "full", seconds, sourceTokens });
  }
}

const sourceIds = (model: TextModel, source: string): number[] =>
  [...model.codec.encode(source)].slice(0, model.longestSource);

/** The translations alone, of sentences that are looked at and not scored. */
export async function translateWholeSentences(
  sources: readonly string[],
  model: TextModel,
  settings: BeamSearchSettings,
  threads: number,
): Promise<string[]> {
  const search = new BeamSearch(await model.open(candidatesOf(settings.beam), threads), settings);
  try {
    const ids = sources.map((source) => sourceIds(model, source));
    const found = await translateAll(search, ids, BATCH_TOKENS);
    return found.map((hypotheses) => model.codec.decode(hypotheses[0]?.ids ?? []));
  } finally {
    await search.dispose();
  }
}
