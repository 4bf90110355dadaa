import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { expect, test } from "vitest";
import type { Recipe } from "../recipe.ts";
import type { StagesResult } from "../stages.ts";
import { ablationMarkdown, formatAblation, runAblation, saveAblation } from "./ablation.ts";
import { parseAblation } from "./ablation-file.ts";

const ablation = parseAblation(
  `
title: Two students
base:
  name: small
  corpus: { source: en, target: de, train: [{ path: a.tsv }], valid: [b.tsv], test: [c.tsv] }
variants:
  - { name: fast, about: "a | b" }
  - { name: slow, change: { student: { type: autoregressive } } }
`,
  "two.yaml",
);

const row = (wait: number | "full", bleu: number) => ({
  ...{ wait, bleu, chrf: bleu + 20, brevityPenalty: 0.95, averageLagging: 3, laal: 3, dal: 3, averageProportion: 0.7 },
  ...{ sentences: 10, seconds: 1, sourceTokensPerSecond: 1000 },
});

/** What the stages would have made of a recipe: a CTC student streams, an autoregressive one reads whole sentences. */
function made(recipe: Recipe): StagesResult {
  const ctc = recipe.student.type === "ctc";
  const rows = ctc ? [row(3, 20), row("full", 21)] : [row("full", 22)];
  const training = { chosen: "step 10", qualities: {}, steps: 10, seconds: 2, targetTokens: 300 };
  const architecture = { ...recipe.student.architecture, vocabulary: 100 };
  const network = ctc
    ? ({ type: "ctc", architecture: { ...architecture, slotsPerToken: 2 } } as const)
    : ({ type: "autoregressive", architecture } as const);
  return {
    student: { ...network, learnt: { formality: false }, key: "k", weights: new Map(), shapes: new Map(), training },
    evaluation: {
      ...{ key: "k", blankBias: 0, teacher: [] },
      student: [{ test: "c", signatures: { bleu: "", chrf: "" }, rows }],
    },
  };
}

test("every variant is run in turn, and their figures stand in one table", async () => {
  const said: string[] = [];
  const rows = await runAblation(ablation, { run: async (recipe) => made(recipe), say: (text) => said.push(text) });
  expect(said.filter((text) => text.startsWith("ablation "))).toEqual([
    "ablation 1/2: fast (a | b)",
    "ablation 2/2: slow",
  ]);
  expect(formatAblation(ablation.title, rows).split("\n")).toEqual([
    "Two students",
    "variant  student         BLEU, wait 3   BLEU  chrF2     BP  steps  tokens/s training  tokens/s",
    "-------  --------------  ------------  -----  -----  -----  -----  -----------------  --------",
    "fast     ctc                    20.00  21.00  41.00  0.950     10                150      1000",
    "slow     autoregressive             -  22.00  42.00  0.950     10                150      1000",
  ]);
  expect(ablationMarkdown(rows).split("\n")).toEqual([
    "| variant | what it is | student | BLEU, wait 3 | BLEU | chrF2 | BP | steps | tokens/s training | tokens/s |",
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    "| fast | a \\| b | ctc | 20.00 | 21.00 | 41.00 | 0.950 | 10 | 150 | 1000 |",
    "| slow |  | autoregressive |  | 22.00 | 42.00 | 0.950 | 10 | 150 | 1000 |",
  ]);
});

test("a variant that cannot be compared ends the ablation, by name", async () => {
  const without = async (recipe: Recipe) => ({ student: made(recipe).student });
  await expect(runAblation(ablation, { run: without, say: () => {} })).rejects.toThrow("fast: there is no evaluation");
  const untested = async (recipe: Recipe): Promise<StagesResult> => {
    const result = made(recipe);
    return { ...result, evaluation: { ...result.evaluation!, student: [] } };
  };
  await expect(runAblation(ablation, { run: untested, say: () => {} })).rejects.toThrow(
    "fast: corpus.test names no file to be compared on",
  );
});

test("the rows are saved under a name of their file's content", async () => {
  const folder = mkdtempSync(join(tmpdir(), "souffleur-ablation-"));
  try {
    const rows = await runAblation(ablation, { run: async (recipe) => made(recipe), say: () => {} });
    const path = saveAblation(folder, ablation, rows);
    expect(basename(path)).toMatch(/^ablation-[0-9a-f]{12}\.json$/);
    expect(JSON.parse(readFileSync(path, "utf8"))).toEqual({ title: "Two students", rows });
  } finally {
    rmSync(folder, { recursive: true });
  }
});
