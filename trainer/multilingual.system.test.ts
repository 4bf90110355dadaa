// One student of two languages, each learnt from its own teacher with its own vocabulary: from corpora to translations.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as ort from "onnxruntime-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadBundle } from "../models/bundle.ts";
import { StepModel } from "../models/step-model.ts";
import { sourcePrefix } from "../models/tags.ts";
import { translateText } from "../models/translate.ts";
import { evaluateBundle } from "./evaluation/evaluate-bundle.ts";
import { parseRecipe } from "./recipe.ts";
import type { StageContext } from "./stages/context.ts";
import type { StageName } from "./stages/stage-folder.ts";
import { runStages } from "./stages.ts";

const TINY = join(import.meta.dirname, "recipes", "tiny");

/** An invented language, `qaa`: German with its vowels moved on by one. */
const invented = (german: string): string =>
  german.replace(
    /[aeiouAEIOU]/g,
    (vowel) => ({ a: "e", e: "i", i: "o", o: "u", u: "a" })[vowel.toLowerCase()] ?? vowel,
  );

const SIZES = "{ width: 64, heads: 2, feedForward: 128, encoderLayers: 1, decoderLayers: 1, maxPositions: 64 }";
const training = (steps: number) =>
  `{ steps: ${steps}, batchTokens: 768, maximumTokens: 60, peakRate: 5e-3, warmUpSteps: 30, dropout: 0,
    validateEverySteps: ${steps}, validationSentences: 10, averageSnapshots: 1 }`;

const single = (target: string, size: number) => `
name: en-${target}
corpus:
  source: en
  target: ${target}
  train: [{ path: en-${target}/train.tsv }]
  valid: [en-${target}/valid.tsv]
  test: [en-${target}/test.tsv]
  tokenizer: { size: ${size}, minimumCount: 1 }
teacher: { architecture: ${SIZES}, training: ${training(240)} }
distill: { beam: 1 }
student: { architecture: ${SIZES}, training: ${training(2)} }
evaluate: { waits: [full], beam: 1 }
export: { blankBias: [0], precision: fp32 }
`;

const several = (teachers: string) => `
name: en-both
corpus:
  source: en
  target: [de, qaa]
  targetTemperature: 2
  train: [{ path: en-de/train.tsv, target: de, join: 0.1 }, { path: en-qaa/train.tsv, target: qaa }]
  valid: [{ path: en-de/valid.tsv, target: de }, { path: en-qaa/valid.tsv, target: qaa }]
  test: [{ path: en-de/test.tsv, target: de }, { path: en-qaa/test.tsv, target: qaa }]
  tokenizer: { size: 260, minimumCount: 1 }
${teachers}
distill: { beam: 1, partSentences: 300 }
student: { architecture: ${SIZES}, initFromTeacher: false, training: ${training(480)}, waits: { maximum: 5, full: 0.5 } }
evaluate: { waits: [3, full], beam: 1 }
export: { blankBias: [0], precision: fp32 }
`;

let dir = "";
const said: string[] = [];

function run(recipe: string, until: StageName) {
  const context: StageContext = {
    recipe: parseRecipe(recipe, "recipe.yaml"),
    ...{ data: dir, work: join(dir, "work"), quiet: true },
    say: (text) => void said.push(text),
  };
  return runStages(context, { until, out: join(dir, "models"), version: "0.0.0" });
}

describe("two target languages", () => {
  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), "souffleur-multilingual-"));
    for (const target of ["de", "qaa"]) {
      mkdirSync(join(dir, `en-${target}`));
      for (const name of ["train.tsv", "valid.tsv", "test.tsv"]) {
        const lines = readFileSync(join(TINY, name), "utf8").trimEnd().split("\n");
        const pairs = lines.map((line) => line.split("\t"));
        const written = pairs.map(([en, de]) => `${en}\t${target === "de" ? de : invented(de)}`);
        writeFileSync(join(dir, `en-${target}`, name), `${written.join("\n")}\n`);
      }
    }
    await run(single("de", 180), "export");
    await run(single("qaa", 210), "export");
  }, 300_000);
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  test("one student writes both, each as its own teacher taught", async () => {
    const models = join(dir, "models");
    const teachers = `teacher: { bundle: { de: ${models}/en-de-teacher, qaa: ${models}/en-qaa-teacher } }`;
    await run(several(teachers), "export");
    expect(existsSync(join(models, "en-both-teacher"))).toBe(false);
    const { manifest, tokenizer, stepPath } = await loadBundle(join(models, "en-both"));
    expect(manifest).toMatchObject({ target: ["de", "qaa"], tags: { target: { de: 13, qaa: 14 } } });
    expect(manifest.quality.map(({ test, target, wait }) => [test, target, wait])).toEqual([
      ["test", "de", 3],
      ["test", "de", "full"],
      ["test", "qaa", 3],
      ["test", "qaa", "full"],
    ]);
    const card = readFileSync(join(models, "en-both", "MODEL_CARD.md"), "utf8");
    expect(card).toContain("the teachers `en-de-teacher` and `en-qaa-teacher`");

    const [known = "", german = ""] = readFileSync(join(TINY, "train.tsv"), "utf8").split("\n")[0]!.split("\t");
    const model = await StepModel.create(ort, stepPath!, manifest);
    for (const [target, expected] of [
      ["de", german],
      ["qaa", invented(german)],
    ] as const) {
      const prefix = sourcePrefix(manifest, { target });
      expect((await translateText(model, tokenizer, known, { wait: "full", prefix })).text).toBe(expected);
    }
    await model.release();

    // what the manifest says is what `evaluate` measures for each language
    for (const target of ["de", "qaa"]) {
      const file = join(dir, `en-${target}`, "test.tsv");
      const options = { bundle: join(models, "en-both"), test: file, wait: ["full" as const], beam: 1, threads: 1 };
      const report = await evaluateBundle({ ...options, target });
      const row = manifest.quality.find((one) => one.target === target && one.wait === "full")!;
      expect(report).toMatchObject({ target, rows: [{ bleu: row.bleu, chrf: row.chrf }] });
      expect(row.bleu).toBeGreaterThan(20);
    }
    await expect(
      evaluateBundle({ bundle: join(models, "en-both"), test: "none", wait: [1], beam: 1, threads: 1 }),
    ).rejects.toThrow("translates to de, qaa; choose one of them");
  }, 300_000);

  test("a teacher of both may be trained instead, and a recipe with the wrong teachers is refused", async () => {
    const joint = `teacher: { architecture: ${SIZES}, training: ${training(8)} }`;
    await run(several(joint).replace("name: en-both", "name: en-joint"), "distill");
    expect(said.at(-1)).toMatch(/^distill: /);
    const one = `teacher: { bundle: { de: ${join(dir, "models", "en-de-teacher")} } }`;
    expect(() => parseRecipe(several(one), "recipe.yaml")).toThrow(
      "teacher.bundle: one for each of the targets, de, qaa",
    );
    const swapped = `teacher: { bundle: { de: ${dir}/models/en-qaa-teacher, qaa: ${dir}/models/en-de-teacher } }`;
    await expect(run(several(swapped), "teacher")).rejects.toThrow(/teacher\.bundle\.de: .*translates en to qaa/);
  }, 120_000);
});
