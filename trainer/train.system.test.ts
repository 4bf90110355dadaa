// The tiny recipe through the command line, from its corpus to a translation.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as ort from "onnxruntime-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { loadBundle } from "../models/bundle.ts";
import { StepModel } from "../models/step-model.ts";
import { translateText } from "../models/translate.ts";
import type { Wait } from "../models/wait.ts";
import { exportedFixture, writeExported } from "./decoding/hugging-face/exported-fixtures.testing.ts";
import { parseRecipe } from "./recipe.ts";
import { isBuilt, RECIPES, souffleurDone } from "./souffleur-process.testing.ts";

const reportSchema = z.object({
  test: z.string(),
  rows: z.array(
    z.object({
      wait: z.union([z.number(), z.literal("full")]),
      bleu: z.number(),
      chrf: z.number(),
      brevityPenalty: z.number().positive().max(1),
      averageLagging: z.number(),
      laal: z.number(),
      dal: z.number(),
      averageProportion: z.number().positive().max(1),
      sentences: z.number(),
    }),
  ),
});

describe.skipIf(!isBuilt)("the tiny recipe", () => {
  let dir = "";
  let bundle = "";
  const [known = "", german = ""] = readFileSync(join(RECIPES, "tiny", "train.tsv"), "utf8")
    .split("\n")[0]!
    .split("\t");

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), "souffleur-tiny-"));
    bundle = join(dir, "models", "tiny");
    const { output } = await train("models");
    expect(output).toBe(`${bundle}\n${bundle}-teacher\n`);
  }, 600_000);
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  const train = (out: string) => souffleurDone(["train", "tiny", "--work", join(dir, "work"), "--out", join(dir, out)]);

  /** A sentence through a step graph of the bundle's. */
  async function translate(stepPath: string, text: string, wait: Wait): Promise<string> {
    const { manifest, tokenizer } = await loadBundle(bundle);
    const model = await StepModel.create(ort, stepPath, manifest);
    try {
      return (await translateText(model, tokenizer, text, { wait })).text;
    } finally {
      await model.release();
    }
  }

  test("gives two bundles that load, with their figures and model cards", async () => {
    const { manifest, weightsPath } = await loadBundle(bundle);
    expect(manifest).toMatchObject({ name: "tiny", kind: "student", source: "en", target: "de", precision: "int8" });
    expect(manifest.quality.map(({ wait }) => wait)).toEqual([1, 3, 5, "full"]);
    expect(weightsPath).toBe(join(bundle, "weights.safetensors"));
    const teacher = await loadBundle(`${bundle}-teacher`);
    expect(teacher.manifest).toMatchObject({ name: "tiny-teacher", kind: "teacher", recipeHash: manifest.recipeHash });
    expect(teacher.manifest.quality).toMatchObject([{ wait: null, averageLagging: null }]);
    for (const folder of [bundle, `${bundle}-teacher`]) {
      const recipe = readFileSync(join(folder, "recipe.yaml"), "utf8");
      expect(recipe).toMatch(/^ {2}onnxruntime: \d/m);
      expect(recipe).toMatch(/^ {4}- file: tiny\/train\.tsv\n {6}sha256: [0-9a-f]{64}$/m);
      expect(parseRecipe(recipe, "recipe.yaml").name, "it is a recipe again").toBe("tiny");
    }
    expect(manifest.files.map(({ path }) => path)).toContain("recipe.yaml");
    for (const folder of [bundle, `${bundle}-teacher`])
      expect(readFileSync(join(folder, "MODEL_CARD.md"), "utf8")).toContain("written for this project");
  });

  test("leaves a report with curves, figures and samples, and is listed", async () => {
    const report = readFileSync(join(dir, "work", "tiny", "report.html"), "utf8");
    for (const title of ["Stages", "Quality", "Curves", "Samples", "Corpora"]) expect(report).toContain(`<h2>${title}`);
    const { output } = await souffleurDone(["runs", "--work", join(dir, "work")]);
    expect(output).toMatch(/^tiny +student-[0-9a-f]{12} +done +360 /m);
  });

  test("translates a sentence of its corpus, from the command line as from the library", async () => {
    expect(await translate(join(bundle, "step.onnx"), known, "full")).toBe(german);
    const argv = ["translate", "--bundle", bundle, "--wait", "full"];
    expect((await souffleurDone(argv, `${known}\n`)).output).toBe(`${german}\n`);
  });

  test("is measured by `evaluate` at each lag, as the manifest says", async () => {
    const file = join(RECIPES, "tiny", "test.tsv");
    const argv = ["evaluate", "--bundle", bundle, "--test", file, "--wait", "1,3,5,full", "--json"];
    const { rows } = reportSchema.parse(JSON.parse((await souffleurDone(argv)).output));
    const { manifest } = await loadBundle(bundle);
    expect(rows).toHaveLength(manifest.quality.length);
    for (const [place, { wait, bleu, chrf, averageLagging }] of manifest.quality.entries()) {
      expect(rows[place]).toMatchObject({ wait, bleu, chrf, averageLagging });
    }
    const [one, , five, full] = rows;
    expect(full!.bleu).toBeGreaterThan(20);
    for (const figure of ["averageLagging", "laal", "dal", "averageProportion"] as const) {
      expect(one![figure], figure).toBeLessThan(five![figure]);
      expect(five![figure], figure).toBeLessThan(full![figure]);
    }
  });

  test("exports its step graph again, in the other precision too", async () => {
    for (const precision of ["int8", "fp32"]) {
      const file = join(dir, `step-${precision}.onnx`);
      const argv = ["export-step", "--bundle", bundle, "--precision", precision, "--out", file];
      expect((await souffleurDone(argv)).output).toBe(`${file}\n`);
      expect(await translate(file, known, "full")).toBe(german);
    }
  });

  test("gives a teacher that another recipe's student learns from, with its tokenizer and its weights", async () => {
    const recipe = join(dir, "next.yaml");
    const lines = [
      "name: next",
      "corpus:",
      "  { source: en, target: de, train: [{ path: tiny/train.tsv }], valid: [tiny/valid.tsv], test: [tiny/valid.tsv],",
      `    tokenizer: { file: ${bundle}-teacher/tokenizer.json } }`,
      `teacher: { bundle: ${bundle}-teacher }`,
      "distill: { beam: 1 }",
      "student:",
      "  architecture: { width: 64, heads: 2, feedForward: 128, encoderLayers: 2, decoderLayers: 2, maxPositions: 64 }",
      `  training: { init: ${bundle}, steps: 2, maximumTokens: 60, validationSentences: 2, peakRate: 1e-6 }`,
      "export: { blankBias: [0] }",
    ];
    writeFileSync(recipe, lines.join("\n"));
    const argv = ["train", recipe, "--data", RECIPES, "--work", join(dir, "next"), "--out", join(dir, "models")];
    const { output, errors } = await souffleurDone(argv);
    expect(output, "the teacher is not written again").toBe(`${join(dir, "models", "next")}\n`);
    expect(errors).toMatch(/student: (\d+) of \1 parameters start from .*models\/tiny\n/);
    const student = await loadBundle(join(dir, "models", "next"));
    expect(readFileSync(join(student.dir, "tokenizer.json"))).toEqual(readFileSync(join(bundle, "tokenizer.json")));
    expect(readFileSync(join(student.dir, "MODEL_CARD.md"), "utf8")).toContain("output of the teacher `tiny-teacher`");
    expect(await translate(student.stepPath!, known, "full")).toBe(german);
  });

  test("may be taught by a model in the Hugging Face layout", async () => {
    const folder = writeExported(join(dir, "exported"), exportedFixture("m2m100"));
    const recipe = join(dir, "foreign.yaml");
    const lines = [
      "name: foreign",
      "corpus:",
      "  { source: en, target: de, train: [{ path: tiny/valid.tsv }], valid: [tiny/test.tsv], test: [tiny/test.tsv],",
      "    tokenizer: { size: 100, minimumCount: 1 } }",
      `teacher: { huggingFace: { folder: ${folder} } }`,
      "distill: { method: nbest, beam: 2, maxLengthRatio: 1 }",
      "student:",
      "  architecture: { width: 16, heads: 2, feedForward: 16, encoderLayers: 1, decoderLayers: 1 }",
      "  training: { steps: 2, validationSentences: 2 }",
      "evaluate: { beam: 1, waits: [full] }",
      "export: { blankBias: [0] }",
    ];
    writeFileSync(recipe, lines.join("\n"));
    const argv = ["train", recipe, "--data", RECIPES, "--work", join(dir, "foreign"), "--out", join(dir, "models")];
    const { output, errors } = await souffleurDone(argv);
    expect(output, "there is no teacher to write").toBe(`${join(dir, "models", "foreign")}\n`);
    expect(errors).toContain(`teacher: m2m_100 in ${folder}, en to de\n`);
    expect(errors).toMatch(/distill: nbest: \d+ sentences with \d+ targets/);
    expect(errors).toMatch(/evaluate: test: teacher BLEU/);
    const student = await loadBundle(join(dir, "models", "foreign"));
    expect(readFileSync(join(student.dir, "MODEL_CARD.md"), "utf8")).toContain(
      "It learnt from the n-best translations of the teacher `exported`",
    );
  });

  test("is not made twice", async () => {
    const { errors } = await train("again");
    expect(errors).not.toContain("BLEU");
    expect(readFileSync(join(dir, "again", "tiny", "step.onnx"))).toEqual(readFileSync(join(bundle, "step.onnx")));
  });
});
