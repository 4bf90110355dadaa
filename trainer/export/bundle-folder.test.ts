import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as ort from "onnxruntime-node";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { loadBundle } from "../../models/bundle.ts";
import { BundleError } from "../../models/bundle-error.ts";
import { standInTokenizer, standInTokenizerJson } from "../../models/stand-in-tokenizer.ts";
import { StepModel } from "../../models/step-model.ts";
import { openStudent } from "../../models/student-model.ts";
import { translateText } from "../../models/translate.ts";
import { readSafetensors } from "../training/safetensors.ts";
import {
  type BundleDescription,
  writeAutoregressiveBundle,
  writeStudentBundle,
  writeTeacherBundle,
} from "./bundle-folder.ts";
import { exportBundleStep } from "./export-step.ts";
import { smallStudent, studentWeights } from "./small-student.testing.ts";
import { smallWaiter, waiterWeights } from "./small-waiter.testing.ts";

const architecture = { ...smallStudent, vocabulary: standInTokenizer().vocabularySize };
const { weights, shapes } = studentWeights(architecture);

let root: string;
let description: BundleDescription;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "souffleur-export-"));
  const tokenizerPath = join(root, "tokenizer.json");
  writeFileSync(tokenizerPath, JSON.stringify(standInTokenizerJson()));
  description = {
    ...{ name: "toy", source: "en", target: "de", tokenizerPath, weights, shapes },
    ...{
      recipeHash: "0123",
      createdWith: "a test",
      licence: "CC0-1.0",
      attributions: ["nobody"],
      modelCard: "# toy\n",
    },
    quality: [{ test: "t", wait: 3, bleu: 1, chrf: 2, brevityPenalty: 1, averageLagging: 3 }],
  };
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const writeStudent = (precision: "fp32" | "int8" = "int8") =>
  writeStudentBundle(join(root, "toy"), description, {
    ...{ architecture, precision, blankBias: 0.5, maxSourceTokens: 20 },
    lags: { trained: [1, 2, "full"], default: 2 },
  });

describe("a student's bundle", () => {
  test("loads again with what was written, and translates", async () => {
    const manifest = await writeStudent();
    const bundle = await loadBundle(join(root, "toy"));
    expect(bundle.manifest).toEqual(manifest);
    expect(manifest).toMatchObject({
      ...{ name: "toy", kind: "student", precision: "int8", blankBias: 0.5, recipeHash: "0123", licence: "CC0-1.0" },
      limits: { maxSourceTokens: 20 },
      lags: { trained: [1, 2, "full"], default: 2 },
      quality: description.quality,
    });
    expect(manifest.architecture).toMatchObject({ type: "ctc-student", width: 16, slotsPerToken: 2 });
    expect(manifest.architecture.parameters).toBe([...weights.values()].reduce((sum, { length }) => sum + length, 0));
    expect(manifest.files.map(({ path }) => path).sort()).toEqual([
      ...["MODEL_CARD.md", "step.onnx", "tokenizer.json", "weights.safetensors"],
    ]);
    expect(readSafetensors(bundle.weightsPath!)).toEqual({ tensors: weights, shapes });
    const model = await StepModel.create(ort, bundle.stepPath!, manifest);
    expect((await translateText(model, bundle.tokenizer, "the word", { wait: 2 })).text).not.toBe("");
    await model.release();
  });

  test("replaces the one that was there, whole", async () => {
    await writeStudent();
    writeFileSync(join(root, "toy", "left-over.txt"), "old");
    await writeStudent("fp32");
    expect(existsSync(join(root, "toy", "left-over.txt"))).toBe(false);
    expect((await loadBundle(join(root, "toy"))).manifest.precision).toBe("fp32");
  });

  test("gives its step graph again", async () => {
    for (const precision of ["fp32", "int8"] as const) {
      await writeStudent(precision);
      const again = await exportBundleStep(join(root, "toy"), precision);
      // positions past the bundle's limit are not part of it any more
      expect(again.length).toBeLessThan(readFileSync(join(root, "toy", "step.onnx")).length);
      const { manifest } = await loadBundle(join(root, "toy"));
      const texts = [];
      for (const model of [join(root, "toy", "step.onnx"), again]) {
        const step = await StepModel.create(ort, model, manifest);
        texts.push(await translateText(step, standInTokenizer(), "the words in der und the end", { wait: 2 }));
        await step.release();
      }
      expect(texts[0]).toEqual(texts[1]);
    }
  });

  test("without weights says that its step graph cannot be made again", async () => {
    const manifest = await writeStudent();
    rmSync(join(root, "toy", "weights.safetensors"));
    const files = manifest.files.filter(({ path }) => path !== "weights.safetensors");
    writeFileSync(join(root, "toy", "bundle.json"), JSON.stringify({ ...manifest, files }));
    await expect(exportBundleStep(join(root, "toy"), "fp32")).rejects.toThrow("holds no weights.safetensors");
  });
});

test("an autoregressive student's bundle loads again, and translates", async () => {
  const sizes = { ...smallWaiter, vocabulary: standInTokenizer().vocabularySize };
  const own = waiterWeights(sizes);
  const manifest = await writeAutoregressiveBundle(
    join(root, "toy"),
    { ...description, ...own },
    { architecture: sizes, precision: "int8", lags: { trained: [1, "full"], default: 1 }, maxSourceTokens: 20 },
  );
  const bundle = await loadBundle(join(root, "toy"));
  expect(bundle.manifest).toEqual(manifest);
  expect(manifest).toMatchObject({ kind: "student", architecture: { type: "autoregressive" }, precision: "int8" });
  const model = await openStudent(ort, bundle);
  expect((await translateText(model, bundle.tokenizer, "the word", { wait: 1 })).text).not.toBe("");
  expect(model.maxSourceTokens).toBe(20);
  await model.release();
});

test("a teacher's bundle holds weights and no step graph", async () => {
  const manifest = await writeTeacherBundle(join(root, "teacher"), { ...description, quality: [] }, architecture);
  expect((await loadBundle(join(root, "teacher"))).manifest).toEqual(manifest);
  expect(manifest).toMatchObject({ kind: "teacher", limits: { maxSourceTokens: 24 }, precision: "fp32" });
  expect(manifest.files.map(({ path }) => path)).not.toContain("step.onnx");
  await expect(exportBundleStep(join(root, "teacher"), "fp32")).rejects.toThrow(BundleError);
  await expect(exportBundleStep(join(root, "teacher"), "fp32")).rejects.toThrow("only a CTC student has a step graph");
});
