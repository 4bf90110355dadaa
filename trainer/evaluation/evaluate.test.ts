// One row of the evaluation from outputs with their events, and the report around it.
import { describe, expect, it } from "vitest";
import { createEvaluationReport, evaluateTranslations } from "./evaluate.ts";
import { evaluationReportJson, formatEvaluationReport } from "./report.ts";

const testSet = {
  name: "small",
  sentences: [
    { source: "we are leaving early tomorrow", references: ["wir fahren morgen früh ab", "morgen früh fahren wir"] },
    { source: "the shop is closed", references: ["der Laden ist zu"] },
  ],
};
const outputs = [
  {
    text: "wir fahren morgen früh ab",
    events: [
      { wordsRead: 2, text: "wir fahren" },
      { wordsRead: 5, text: " morgen früh ab" },
    ],
  },
  {
    text: "der Laden ist zu",
    events: [
      { wordsRead: 3, text: "der La" },
      { wordsRead: 4, text: "den ist zu" },
    ],
  },
];

describe("evaluateTranslations", () => {
  it("scores quality, latency and speed", () => {
    const row = evaluateTranslations(testSet, outputs, { wait: 3, seconds: 2, sourceTokens: 30 });
    // First: delays 2 2 5 5 5, tau 3, AL (2 + 1 + 3) / 3. Second: delays 3 4 4 4, tau 2, AL (3 + 3) / 2.
    expect(row).toMatchObject({ wait: 3, brevityPenalty: 1, averageLagging: 2.5, laal: 2.5, sentences: 2, seconds: 2 });
    expect(row.bleu).toBeCloseTo(100, 10);
    expect(row.chrf).toBeCloseTo(100, 10);
    expect(row.averageProportion).toBeCloseTo((19 / 25 + 15 / 16) / 2, 12);
    expect(row.sourceTokensPerSecond).toBe(15);
  });

  it("scores a model that says nothing", () => {
    const silent = [
      { text: "", events: [] },
      { text: "", events: [] },
    ];
    const row = evaluateTranslations(testSet, silent, { wait: "full" });
    expect(row).toMatchObject({
      bleu: 0,
      chrf: 0,
      brevityPenalty: 0,
      averageLagging: null,
      seconds: null,
      sentences: 2,
    });
  });

  it("names the sentence whose output cannot be right", () => {
    const wrongText = [outputs[0], { ...outputs[1], text: "der Laden ist auf" }];
    expect(() => evaluateTranslations(testSet, wrongText, { wait: 3 })).toThrow(
      "sentence 2 of small: the text is not its events joined",
    );
    const wrongCount = [{ text: "wir", events: [{ wordsRead: 6, text: "wir" }] }, outputs[1]];
    expect(() => evaluateTranslations(testSet, wrongCount, { wait: 3 })).toThrow(
      "sentence 1 of small: 6 words read of a source of 5",
    );
    expect(() => evaluateTranslations(testSet, [outputs[0]], { wait: 3 })).toThrow("1 outputs for 2 sentences");
  });
});

describe("evaluation report", () => {
  const row = { bleu: 38.123, chrf: 61.5, brevityPenalty: 0.98, averageLagging: 2.345, laal: 2.5, dal: 3 };
  const rows = [
    { wait: 3, ...row, averageProportion: 0.7, sentences: 2000, seconds: 21.04, sourceTokensPerSecond: 812.4 },
    {
      ...{ wait: "full" as const, ...row, averageProportion: 1, sentences: 2000 },
      ...{ seconds: null, sourceTokensPerSecond: null },
    },
  ];
  const report = createEvaluationReport(testSet, rows, { lowercase: true });

  it("is a table for people", () => {
    expect(formatEvaluationReport(report)).toMatchInlineSnapshot(`
      "small  (AL, LAAL, DAL in source words, computation not counted; tokens/s of the source)
      wait   BLEU  chrF2     BP    AL  LAAL   DAL    AP  sentences  seconds  tokens/s
      ----  -----  -----  -----  ----  ----  ----  ----  ---------  -------  --------
      3     38.12  61.50  0.980  2.35  2.50  3.00  0.70       2000     21.0       812
      full  38.12  61.50  0.980  2.35  2.50  3.00  1.00       2000        -         -
      BLEU nrefs:var|case:lc|eff:no|tok:13a|smooth:exp|version:2.6.0
      chrF2 nrefs:var|case:lc|eff:yes|nc:6|nw:0|space:no|version:2.6.0"
    `);
  });

  it("is JSON for scripts, null where there is no figure", () => {
    const parsed: unknown = JSON.parse(evaluationReportJson(report));
    expect(parsed).toMatchObject({
      test: "small",
      rows: [
        { wait: 3, seconds: 21.04 },
        { wait: "full", seconds: null },
      ],
    });
  });
});
