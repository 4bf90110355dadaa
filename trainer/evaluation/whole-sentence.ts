// An autoregressive model on a test set: every sentence whole, by beam search.
import * as ort from "onnxruntime-node";
import type { Tokenizer } from "../../models/tokenizer.ts";
import { BeamSearch, type BeamSearchSettings, translateAll } from "../decoding/beam-search.ts";
import type { Weights } from "../networks/parameters.ts";
import type { Architecture } from "../networks/transformer.ts";
import { countWords } from "./delays.ts";
import { createEvaluationReport, evaluateTranslations } from "./evaluate.ts";
import { noisyTestSet } from "./noisy-test-set.ts";
import type { EvaluationReport, EvaluationRow } from "./report.ts";
import { qualityOf } from "./streaming.ts";
import type { TestSet } from "./test-set.ts";

/** Source tokens of a batch. */
const BATCH_TOKENS = 2048;

/** A model that is not served but searched. */
export interface SearchedModel {
  readonly architecture: Architecture;
  readonly weights: Weights;
  /** Source ids before each sentence's own: tags. Default none. */
  readonly prefix?: readonly number[];
}

/**
 * @param noiseLanguage the sources' language where noisy sources are translated too
 * @returns one row, at wait "full": nothing is written before the source has ended.
 */
export async function evaluateWholeSentences(
  test: TestSet,
  tokenizer: Tokenizer,
  { architecture, weights, prefix = [] }: SearchedModel,
  settings: BeamSearchSettings,
  threads: number,
  noiseLanguage?: string,
): Promise<EvaluationReport> {
  const limit = architecture.maxPositions - 1; // beside </s>
  const search = await BeamSearch.create(ort, architecture, weights, settings, threads);
  try {
    const row = await evaluate(test);
    if (noiseLanguage === undefined) return createEvaluationReport(test, [row]);
    const noisy = qualityOf(await evaluate(noisyTestSet(test, noiseLanguage)));
    return createEvaluationReport(test, [{ ...row, noisy }]);
  } finally {
    await search.dispose();
  }

  async function evaluate(set: TestSet): Promise<EvaluationRow> {
    const ids = set.sentences.map(({ source }) => tokenizer.encode(source));
    const sourceTokens = ids.reduce((sum, tokens) => sum + tokens.length + 1, 0);
    const started = performance.now();
    const cut = ids.map((tokens) => [...prefix, ...tokens].slice(0, limit));
    const found = await translateAll(search, cut, BATCH_TOKENS);
    const seconds = (performance.now() - started) / 1000;
    const outputs = found.map((hypotheses, index) => {
      const text = tokenizer.decode(hypotheses[0]?.ids ?? []);
      return { text, events: text === "" ? [] : [{ wordsRead: countWords(set.sentences[index]!.source), text }] };
    });
    return evaluateTranslations(set, outputs, { wait: "full", seconds, sourceTokens });
  }
}
