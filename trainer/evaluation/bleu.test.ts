// Corpus BLEU and its tokenizer against values that sacreBLEU computed (scripts/reference/sacrebleu_reference.py).
import { describe, expect, it } from "vitest";
import { corpusBleu, sentenceBleu } from "./bleu.ts";
import fixture from "./fixtures/sacrebleu.json" with { type: "json" };
import sentences from "./fixtures/sentence-bleu.json" with { type: "json" };
import { SACREBLEU_VERSION } from "./signature.ts";
import { tokenize13a } from "./tokenizer-13a.ts";
import { trimEndOfSpace } from "./white-space.ts";

describe("tokenize13a", () => {
  it.each(fixture.tokenized)("splits $text", ({ text, expected }) => {
    expect(tokenize13a(trimEndOfSpace(text)).join(" ")).toBe(expected);
  });
});

describe("corpusBleu", () => {
  it("follows the release its signature names", () => {
    expect(fixture.sacrebleu).toBe(SACREBLEU_VERSION);
  });

  const runs = fixture.cases.flatMap(({ name, hypotheses, references, bleu }) =>
    bleu.map((run) => ({ name, hypotheses, references, ...run })),
  );
  it.each(runs)(
    "$name, tokenize $tokenize, lowercase $lowercase",
    ({ hypotheses, references, expected, ...options }) => {
      const score = corpusBleu(hypotheses, references, {
        lowercase: options.lowercase,
        tokenize: options.tokenize === "none" ? "none" : "13a",
      });
      expect(score.counts).toEqual(expected.counts);
      expect(score.totals).toEqual(expected.totals);
      expect(score.hypothesisLength).toBe(expected.hypothesisLength);
      expect(score.referenceLength).toBe(expected.referenceLength);
      expect(score.signature).toBe(expected.signature);
      expect(score.brevityPenalty).toBeCloseTo(expected.brevityPenalty, 12);
      for (const [order, precision] of expected.precisions.entries()) {
        expect(score.precisions[order]).toBeCloseTo(precision, 10);
      }
      expect(score.score).toBeCloseTo(expected.score, 10);
    },
  );

  it("refuses what does not fit together", () => {
    expect(() => corpusBleu([], [])).toThrow("no hypotheses");
    expect(() => corpusBleu(["a"], [["a"], ["b"]])).toThrow("1 hypotheses, but references for 2 segments");
    expect(() => corpusBleu(["a", "b"], [["a"], []])).toThrow("segment 2 has no reference");
  });
});

describe("sentenceBleu", () => {
  it.each(sentences.scores)("of $hypothesis is sacreBLEU's", ({ hypothesis, references, expected }) => {
    expect(sentences.sacrebleu).toBe(SACREBLEU_VERSION);
    expect(sentenceBleu(hypothesis, references)).toBeCloseTo(expected, 10);
  });
});
