// Curves as table, Markdown and page, from figures written here; and measured with bundles of stand-in models.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { standInTokenizer, standInTokenizerJson } from "../../models/stand-in-tokenizer.ts";
import type { Wait } from "../../models/wait.ts";
import { writeAutoregressiveBundle, writeStudentBundle, writeTeacherBundle } from "../export/bundle-folder.ts";
import { smallStudent, studentWeights } from "../export/small-student.testing.ts";
import { smallWaiter, waiterWeights } from "../export/small-waiter.testing.ts";
import { curvesMarkdown, formatCurves, measureCurves, type QualityCurve } from "./curves.ts";
import { curvesPage } from "./curves-page.ts";

const signatures = { bleu: "nrefs:1", chrf: "nrefs:1" };
const row = (wait: Wait, bleu: number, averageLagging: number) => ({
  ...{
    wait,
    bleu,
    averageLagging,
    chrf: 50,
    brevityPenalty: 0.95,
    laal: averageLagging,
    dal: 3,
    averageProportion: 0.6,
  },
  ...{ sentences: 10, seconds: 1, sourceTokensPerSecond: 100 },
});
const CURVES: QualityCurve[] = [
  { model: "fast", kind: "CTC", test: "talk", signatures, rows: [row("full", 36, 6.5), row(1, 26, 1.25)] },
  { model: "slow", kind: "wait-k", test: "talk", signatures, rows: [row(1, 24, 1.5), row("full", 35, 6.5)] },
  { model: "big", kind: "beam search", test: "talk", signatures, rows: [row("full", 41, 6.75)] },
];

/** The plots that a page draws. */
const plotsIn = (page: string) =>
  JSON.parse(/<script id="plots" type="application\/json">(.*?)<\/script>/s.exec(page)![1]!);

describe("written", () => {
  test("as a table has a line for each model and wait, and one signature", () => {
    const lines = formatCurves(CURVES).split("\n");
    expect(lines[0]).toMatch(/^test +model +by +wait +BLEU +chrF2 +BP +AL +LAAL +DAL +AP$/);
    expect(lines.slice(2)).toEqual([
      expect.stringMatching(/^talk +fast +CTC +full +36\.00 +50\.00 +0\.950 +6\.50/),
      expect.stringMatching(/^talk +fast +CTC +1 +26\.00/),
      expect.stringMatching(/^talk +slow +wait-k +1 +24\.00/),
      expect.stringMatching(/^talk +slow +wait-k +full +35\.00/),
      expect.stringMatching(/^talk +big +beam search +whole +41\.00/),
      "AL, LAAL, DAL in source words",
      "BLEU nrefs:1",
      "chrF2 nrefs:1",
    ]);
    expect(curvesMarkdown(CURVES)).toContain(
      "\n| talk | fast | CTC | 1 | 26.00 | 50.00 | 0.950 | 1.25 | 1.25 | 3.00 | 0.60 |",
    );
  });

  test("as a page has students by growing lag, and the teacher as a level as wide as they", () => {
    const page = curvesPage(CURVES, new Date("2024-05-01T10:20:30Z"));
    expect(page).toContain("written 2024-05-01 10:20 UTC");
    expect(page).toContain('<td class="n">36.00</td>');
    expect(page).not.toMatch(/<(?:script|link|img)[^>]+(?:src|href)=/);
    expect(plotsIn(page)).toEqual([
      {
        ...{ title: "talk", x: "AL", marked: true },
        lines: [
          { label: "fast", color: 0, curve: { x: [1.25, 6.5], y: [26, 36] } },
          { label: "slow", color: 1, curve: { x: [1.5, 6.5], y: [24, 35] } },
          {
            label: "big, beam search of the whole sentence",
            ...{ color: 2, dashed: true, curve: { x: [1.25, 6.5], y: [41, 41] } },
          },
        ],
      },
    ]);
    const other = CURVES.map((curve, place) => ({ ...curve, test: place === 2 ? "long" : "talk" }));
    expect(plotsIn(curvesPage(other, new Date())), "a level alone is no plot").toHaveLength(1);
  });
});

describe("measured", () => {
  let dir = "";
  const at = (name: string) => join(dir, name);
  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), "souffleur-curves-"));
    writeFileSync(at("tokenizer.json"), JSON.stringify(standInTokenizerJson()));
    writeFileSync(at("talk.tsv"), "the word\tdas Wort\nthe end of the word\tdas Ende des Wortes\n");
    const vocabulary = standInTokenizer().vocabularySize;
    const shared = {
      ...{ source: "en", target: "de", tokenizerPath: at("tokenizer.json"), recipeHash: "0", createdWith: "a test" },
      ...{ licence: "CC0-1.0", attributions: [], modelCard: "", quality: [] },
    };
    const lags = { trained: [1, "full"] satisfies Wait[], default: 1 };
    const served = { precision: "int8" as const, lags, maxSourceTokens: 20 };
    const ctc = { ...smallStudent, vocabulary };
    const waiter = { ...smallWaiter, vocabulary };
    await writeStudentBundle(
      at("ctc"),
      { ...shared, name: "toy", ...studentWeights(ctc) },
      { ...served, architecture: ctc, blankBias: 0 },
    );
    const own = { ...shared, ...waiterWeights(waiter) };
    await writeAutoregressiveBundle(at("wait-k"), { ...own, name: "toy" }, { ...served, architecture: waiter });
    await writeTeacherBundle(at("teacher"), { ...own, name: "teacher" }, waiter);
  });
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  const options = { tests: [] as string[], waits: [1, "full"] as Wait[], beam: 2, threads: 1 };

  test("has every bundle on every test set, namesakes told apart", async () => {
    const bundles = ["ctc", "wait-k", "teacher"].map(at);
    const said: string[] = [];
    const curves = await measureCurves({ ...options, bundles, tests: [at("talk.tsv")] }, (line) => said.push(line));
    const heads = curves.map(({ model, kind, test: name, rows }) => [model, kind, name, rows.map(({ wait }) => wait)]);
    expect(heads).toEqual([
      [`toy (${at("ctc")})`, "CTC", "talk", [1, "full"]],
      [`toy (${at("wait-k")})`, "wait-k", "talk", [1, "full"]],
      ["teacher", "beam search", "talk", ["full"]],
    ]);
    for (const { rows } of curves) for (const { sentences } of rows) expect(sentences).toBe(2);
    expect(said[2]).toMatch(/^3 of 3: teacher on talk\.tsv, \d+ s$/);
  });

  test("opens every bundle before it runs the first", async () => {
    const said: string[] = [];
    const bundles = [at("ctc"), at("nothing")];
    const measured = measureCurves({ ...options, bundles, tests: [at("talk.tsv")] }, (line) => said.push(line));
    await expect(measured).rejects.toThrow("nothing");
    expect(said).toEqual([]);
  });
});
