import { expect, test } from "vitest";
import { StandInModel } from "../../models/stand-in-model.ts";
import { standInTokenizer } from "../../models/stand-in-tokenizer.ts";
import { translateBatch } from "../../models/translate.ts";
import { evaluateTranslations } from "./evaluate.ts";
import { noisyTestSet } from "./noisy-test-set.ts";
import { formatEvaluationReport } from "./report.ts";
import { evaluateStreaming, qualityOf } from "./streaming.ts";

const tokenizer = standInTokenizer();
const model = () =>
  new StandInModel({ vocabularySize: tokenizer.vocabularySize, slotsPerToken: 2, maxSourceTokens: 160 });
const sources = ["The word, in the chest.", "The word in the word!", "The chest is in the chest; the word is not."];
const set = { name: "talk", sentences: sources.map((source) => ({ source, references: ["die Truhe und das Wort"] })) };

test("a noisy test set is the same at every call, and its references are the clean ones", () => {
  const noisy = noisyTestSet(set, "en");
  expect(noisyTestSet(set, "en")).toEqual(noisy);
  expect(noisy.sentences.map(({ source }) => source)).not.toEqual(sources);
  expect(noisy.sentences.map(({ references }) => references)).toEqual(
    set.sentences.map(({ references }) => references),
  );
});

test("noisy figures are those of the noisy sources, beside the clean ones, a row for each lag", async () => {
  const clean = await evaluateStreaming(set, model(), tokenizer, { waits: [1, "full"] });
  expect(clean.rows.map(({ wait, noisy }) => [wait, noisy])).toEqual([
    [1, undefined],
    ["full", undefined],
  ]);
  const both = await evaluateStreaming(set, model(), tokenizer, { waits: [1, "full"], noiseLanguage: "en" });
  expect(both.rows.map(({ bleu, averageLagging }) => [bleu, averageLagging])).toEqual(
    clean.rows.map(({ bleu, averageLagging }) => [bleu, averageLagging]),
  );
  const noisy = noisyTestSet(set, "en");
  const texts = noisy.sentences.map(({ source }) => source);
  const outputs = await translateBatch(model(), tokenizer, texts, { wait: 1 });
  expect(both.rows[0]!.noisy).toEqual(qualityOf(evaluateTranslations(noisy, outputs, { wait: 1 })));
  expect(formatEvaluationReport(both)).toContain("noisy BLEU");
  expect(formatEvaluationReport(clean)).not.toContain("noisy");
});
