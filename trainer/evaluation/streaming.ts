// A streaming student on a test set: a row for each lag, and the noisy test set beside the clean one where asked for.
import type { StepRunner } from "../../models/step-runner.ts";
import type { Formality } from "../../models/tags.ts";
import type { Tokenizer } from "../../models/tokenizer.ts";
import { type TranslateBatchOptions, translateBatch } from "../../models/translate.ts";
import type { Carrying } from "../../models/value-reader.ts";
import type { Wait } from "../../models/wait.ts";
import { type CopySet, copiedShare } from "./copy-set.ts";
import { createEvaluationReport, evaluateTranslations } from "./evaluate.ts";
import { type FormalitySet, formalityScores } from "./formality-set.ts";
import { type GlossarySet, termScores } from "./glossary-set.ts";
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
  /** Sentences with terms, and what reads them with their glossary, where that is measured too. */
  readonly terms?: GlossaryTest;
  /** Sentences with a form of address, and the tags that ask for each, where that is measured too. */
  readonly formality?: FormalityTest;
  readonly batchSize?: number;
}

export interface CopyTest {
  readonly set: CopySet;
  readonly source: string;
  readonly target: string;
}

export interface GlossaryTest {
  readonly set: GlossarySet;
  /** With the set's glossary. */
  readonly carrying: Carrying | undefined;
  readonly source: string;
  readonly target: string;
}

export interface FormalityTest {
  readonly set: FormalitySet;
  /** Source ids that ask for each. */
  readonly prefixes: Readonly<Record<Formality, readonly number[]>>;
  readonly target: string;
}

export async function evaluateStreaming(
  test: TestSet,
  model: StepRunner,
  tokenizer: Tokenizer,
  { waits, prefix, carrying, noiseLanguage, copy, terms, formality, batchSize }: StreamingEvaluation,
): Promise<EvaluationReport> {
  const noisy = noiseLanguage === undefined ? undefined : noisyTestSet(test, noiseLanguage);
  const rows: EvaluationRow[] = [];
  for (const wait of waits) {
    const options = { wait, prefix, carrying, batchSize };
    const texts = async (sources: readonly string[], asked: Partial<TranslateBatchOptions> = {}) =>
      (await translateBatch(model, tokenizer, sources, { ...options, ...asked })).map(({ text }) => text);
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
      const { set, source, target } = copy;
      row.copied = copiedShare(set, await texts(sourcesOf(set)), source, target);
    }
    if (terms) {
      const { set, source, target } = terms;
      const [withTerms, without] = [
        await texts(sourcesOf(set), { carrying: terms.carrying }),
        await texts(sourcesOf(set)),
      ];
      row.terms = termScores(set, withTerms, without, source, target);
    }
    if (formality) {
      const { set, prefixes, target } = formality;
      const asked = {
        formal: await texts(set.sources, { prefix: prefixes.formal }),
        informal: await texts(set.sources, { prefix: prefixes.informal }),
      };
      row.formality = formalityScores(set, asked, await texts(set.sources), target);
    }
    rows.push(row);
  }
  return createEvaluationReport(test, rows);
}

/** What of a noisy row stands beside the clean one. */
export function qualityOf({ bleu, chrf, brevityPenalty }: EvaluationRow): NonNullable<EvaluationRow["noisy"]> {
  return { bleu, chrf, brevityPenalty };
}
