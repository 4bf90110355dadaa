// A streaming student on a test set: a row for each lag, and the noisy test set beside the clean one where asked for.
import type { StepRunner } from "../../models/step-runner.ts";
import type { Tokenizer } from "../../models/tokenizer.ts";
import { translateBatch } from "../../models/translate.ts";
import type { Wait } from "../../models/wait.ts";
import { createEvaluationReport, evaluateTranslations } from "./evaluate.ts";
import { noisyTestSet } from "./noisy-test-set.ts";
import type { EvaluationReport, EvaluationRow } from "./report.ts";
import type { TestSet } from "./test-set.ts";

export interface StreamingEvaluation {
  readonly waits: readonly Wait[];
  /** Source ids before each segment's own: tags. Default none. */
  readonly prefix?: readonly number[];
  /** The sources' language where noisy sources are translated too. */
  readonly noiseLanguage?: string;
  readonly batchSize?: number;
}

export async function evaluateStreaming(
  test: TestSet,
  model: StepRunner,
  tokenizer: Tokenizer,
  { waits, prefix, noiseLanguage, batchSize }: StreamingEvaluation,
): Promise<EvaluationReport> {
  const noisy = noiseLanguage === undefined ? undefined : noisyTestSet(test, noiseLanguage);
  const rows: EvaluationRow[] = [];
  for (const wait of waits) {
    const evaluate = async (set: TestSet) => {
      const sources = set.sentences.map(({ source }) => source);
      const sourceTokens = sources.reduce((sum, source) => sum + tokenizer.encode(source).length + 1, 0);
      const started = performance.now();
      const outputs = await translateBatch(model, tokenizer, sources, { wait, prefix, batchSize });
      const seconds = (performance.now() - started) / 1000;
      return evaluateTranslations(set, outputs, { wait, seconds, sourceTokens });
    };
    const row = await evaluate(test);
    rows.push(noisy ? { ...row, noisy: qualityOf(await evaluate(noisy)) } : row);
  }
  return createEvaluationReport(test, rows);
}

/** What of a noisy row stands beside the clean one. */
export function qualityOf({ bleu, chrf, brevityPenalty }: EvaluationRow): NonNullable<EvaluationRow["noisy"]> {
  return { bleu, chrf, brevityPenalty };
}
