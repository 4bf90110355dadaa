// A streaming student on a test set: a row for each lag, and the noisy test set beside the clean one where asked for.
import type { StepRunner } from "../../models/step-runner.ts";
import type { Tokenizer } from "../../models/tokenizer.ts";
import { translateBatch } from "../../models/translate.ts";
import type { Carrying } from "../../models/value-reader.ts";
import type { Wait } from "../../models/wait.ts";
import { type CopySet, copiedShare } from "./copy-set.ts";
import { createEvaluationReport, evaluateTranslations } from "./evaluate.ts";
import { noisyTestSet } from "./noisy-test-set.ts";
import type { EvaluationReport, EvaluationRow } from "./report.ts";
import type { TestSet } from "./test-set.ts";

export interface StreamingEvaluation {
  readonly waits: readonly Wait[];
  /** Source ids before each segment's own: tags. Default none. */
  readonly prefix?: readonly number[];
  /** What goes through placeholders. Default nothing. */
  readonly carrying?: Carrying;
  /** The sources' language where noisy sources are translated too. */
  readonly noiseLanguage?: string;
  /** Sentences with what must be carried over, from language to language, where that is measured too. */
  readonly copy?: CopyTest;
  readonly batchSize?: number;
}

export interface CopyTest {
  readonly set: CopySet;
  readonly source: string;
  readonly target: string;
}

export async function evaluateStreaming(
  test: TestSet,
  model: StepRunner,
  tokenizer: Tokenizer,
  { waits, prefix, carrying, noiseLanguage, copy, batchSize }: StreamingEvaluation,
): Promise<EvaluationReport> {
  const noisy = noiseLanguage === undefined ? undefined : noisyTestSet(test, noiseLanguage);
  const rows: EvaluationRow[] = [];
  for (const wait of waits) {
    const options = { wait, prefix, carrying, batchSize };
    const sourcesOf = (set: TestSet) => set.sentences.map(({ source }) => source);
    const evaluate = async (set: TestSet) => {
      const sources = sourcesOf(set);
      const sourceTokens = sources.reduce((sum, source) => sum + tokenizer.encode(source).length + 1, 0);
      const started = performance.now();
      const outputs = await translateBatch(model, tokenizer, sources, options);
      const seconds = (performance.now() - started) / 1000;
      return evaluateTranslations(set, outputs, { wait, seconds, sourceTokens });
    };
    const row = await evaluate(test);
    if (noisy) row.noisy = qualityOf(await evaluate(noisy));
    if (copy) {
      const outputs = await translateBatch(model, tokenizer, sourcesOf(copy.set), options);
      row.copied = copiedShare(
        copy.set,
        outputs.map(({ text }) => text),
        copy.source,
        copy.target,
      );
    }
    rows.push(row);
  }
  return createEvaluationReport(test, rows);
}

/** What of a noisy row stands beside the clean one. */
export function qualityOf({ bleu, chrf, brevityPenalty }: EvaluationRow): NonNullable<EvaluationRow["noisy"]> {
  return { bleu, chrf, brevityPenalty };
}
