// Models that a recipe names: weights to start from, and a teacher that is there already.
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { prepare } from "../corpus/prepare.ts";
import { PreparedCorpus } from "../corpus/prepared.ts";
import { exportedFixture, writeExported } from "../decoding/hugging-face/exported-fixtures.testing.ts";
import { type BundleDescription, writeStudentBundle, writeTeacherBundle } from "../export/bundle-folder.ts";
import { studentWeights } from "../export/small-student.testing.ts";
import { formulaWeights } from "../networks/formula-weights.testing.ts";
import type { ParameterSpec } from "../networks/parameters.ts";
import { parseRecipe, RecipeError } from "../recipe.ts";
import { writeSafetensors } from "../training/safetensors.ts";
import { teacherTrainingGraph } from "../training/teacher-graph.ts";
import type { StageContext } from "./context.ts";
import { namedWeights, startingWeights } from "./initial-weights.ts";
import type { PreparedStage } from "./prepare-stage.ts";
import { networkTeacher } from "./teacher.ts";
import { teacherStage } from "./teacher-stage.ts";

const SIZES = { width: 8, heads: 2, feedForward: 12, encoderLayers: 1, decoderLayers: 1, maxPositions: 32 };

let dir = "";
const at = (...parts: string[]) => join(dir, ...parts);
let prepared: PreparedStage;
let description: BundleDescription;
let specs: readonly ParameterSpec[];
let said: string[] = [];

/** A stage's context for a recipe with these lines. */
function context(lines: string): StageContext {
  const corpus = "corpus: { source: en, target: de, train: [{ path: talk.tsv }] }";
  said = [];
  return {
    recipe: parseRecipe(`name: toy\n${corpus}\n${lines}\n`, "toy.yaml"),
    ...{ data: dir, work: at("work"), quiet: true, say: (text) => said.push(text) },
  };
}

async function preparedFrom(name: string, lines: string, source = "en"): Promise<PreparedStage> {
  writeFileSync(at(`${name}.tsv`), lines);
  const tokenizer = { size: 64, minimumCount: 1 };
  await prepare({ source, target: "de", train: [{ path: at(`${name}.tsv`) }], tokenizer }, at(name));
  return { key: name, corpus: await PreparedCorpus.open(at(name)), files: [] };
}

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), "souffleur-models-"));
  prepared = await preparedFrom("talk", "The boat is new.\tDas Boot ist neu.\nThe tea is cold.\tDer Tee ist kalt.\n");
  const architecture = { ...SIZES, vocabulary: prepared.corpus.index.vocabulary };
  ({ specs } = teacherTrainingGraph(architecture, { dropout: 0, labelSmoothing: 0 }).parameters);
  const shapes = new Map(specs.map(({ name, shape }) => [name, shape]));
  description = {
    ...{ name: "toy-teacher", source: "en", target: "de", tokenizerPath: prepared.corpus.tokenizerPath },
    ...{ weights: formulaWeights(specs), shapes, recipeHash: "0", createdWith: "a test", quality: [] },
    ...{ licence: "CC0-1.0", attributions: [], modelCard: "" },
  };
  await writeTeacherBundle(at("toy-teacher"), description, architecture);
  const student = { ...architecture, slotsPerToken: 2 };
  await writeStudentBundle(
    at("toy"),
    { ...description, name: "toy", ...studentWeights(student) },
    {
      ...{ architecture: student, precision: "fp32", blankBias: 0, maxSourceTokens: 32 },
      lags: { trained: [1], default: 1 },
    },
  );
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe("init", () => {
  test("may be left out", async () => {
    expect(await namedWeights(context(""), prepared, "student")).toBeUndefined();
    startingWeights(context(""), "teacher", specs, undefined);
    expect(said).toEqual([]);
  });

  test("reads a bundle, and says how much of it fits", async () => {
    const recipe = context("student: { training: { init: toy-teacher } }");
    const named = await namedWeights(recipe, prepared, "student");
    const weights = startingWeights(recipe, "student", specs, named);
    expect(weights).toEqual(description.weights);
    expect(said).toEqual([`student: ${specs.length} of ${specs.length} parameters start from ${at("toy-teacher")}`]);
    expect(await namedWeights(recipe, prepared, "teacher")).toBeUndefined();
  });

  test("reads a stage's folder that is not done, and one without a tokenizer", async () => {
    mkdirSync(at("stage"));
    writeSafetensors(at("stage", "best.safetensors"), description.weights, description.shapes);
    const named = await namedWeights(context("teacher: { training: { init: stage } }"), prepared, "teacher");
    expect(named?.read().tensors).toEqual(description.weights);
  });

  test("comes before the teacher's weights", async () => {
    const recipe = context("student: { training: { init: toy-teacher } }");
    const other = { tensors: new Map([["embedding", new Float32Array(0)]]), shapes: new Map() };
    const named = await namedWeights(recipe, prepared, "student");
    const otherwise = { weights: other, from: "the teacher" };
    expect(startingWeights(recipe, "student", specs, named, otherwise)).toEqual(description.weights);
    startingWeights(recipe, "student", specs, undefined, otherwise);
    expect(said.at(-1)).toBe(`student: 0 of ${specs.length} parameters start from the teacher`);
  });

  test("refuses weights of another tokenizer, and says how to take that one over", async () => {
    const other = await preparedFrom("other", "He saw two dogs.\tEr sah zwei Hunde.\n");
    const refused = namedWeights(context("teacher: { training: { init: toy-teacher } }"), other, "teacher");
    await expect(refused).rejects.toThrow(RecipeError);
    await expect(refused).rejects.toThrow(
      `teacher.training.init: ${at("toy-teacher")} has another tokenizer than this recipe's corpus, so its ids mean ` +
        `other pieces; to train with that one, set corpus.tokenizer.file to ${at("toy-teacher", "tokenizer.json")}; ` +
        "to start from the pieces that both have, set initVocabulary: shared beside init",
    );
  });

  test("takes over what two tokenizers share where the recipe says so", async () => {
    const other = await preparedFrom("shared", "He saw two dogs.\tEr sah zwei Hunde.\n");
    const recipe = context("teacher: { training: { init: toy-teacher, initVocabulary: shared } }");
    const weights = (await namedWeights(recipe, other, "teacher"))!.read();
    const { vocabularySize } = other.corpus.tokenizer;
    expect(weights.shapes.get("embedding")?.[0]).toBe(vocabularySize);
    expect(said.at(-1)).toMatch(/^teacher: \d+ of \d+ pieces are also .*toy-teacher's, the others are drawn$/);
    const pieces = new Set(
      Array.from({ length: prepared.corpus.tokenizer.vocabularySize }, (_, id) =>
        prepared.corpus.tokenizer.pieceOf(id),
      ),
    );
    const shared = Array.from({ length: vocabularySize }, (_, id) => other.corpus.tokenizer.pieceOf(id)).filter(
      (piece) => pieces.has(piece),
    );
    expect(said.at(-1)).toContain(`: ${shared.length} of ${vocabularySize} pieces`);
    expect(shared.length).toBeLessThan(vocabularySize);
    const same = await namedWeights(recipe, prepared, "teacher");
    expect(same?.read().tensors).toEqual(description.weights);
  });

  test("refuses to share pieces with nothing", async () => {
    const recipe = context("student: { training: { initVocabulary: shared } }");
    await expect(namedWeights(recipe, prepared, "student")).rejects.toThrow(
      "student.training.initVocabulary: there is no init",
    );
  });

  test("refuses a folder without weights, and weights of which none fit", async () => {
    mkdirSync(at("empty"));
    const none = namedWeights(context("teacher: { training: { init: empty } }"), prepared, "teacher");
    await expect(none).rejects.toThrow(`teacher.training.init: ${at("empty")} holds neither`);
    const recipe = context("teacher: { training: { init: toy-teacher } }");
    const named = await namedWeights(recipe, prepared, "teacher");
    const wider = specs.map((spec) => ({ ...spec, shape: [...spec.shape, 2] }));
    expect(() => startingWeights(recipe, "teacher", wider, named)).toThrow("no parameter in");
  });
});

describe("teacher.bundle", () => {
  const use = (bundle: string) => context(`teacher: { bundle: ${bundle} }`);

  test("is used as it is, and nothing is trained", async () => {
    const teacher = networkTeacher(await teacherStage(use("toy-teacher"), prepared), "this test");
    expect(teacher.weights).toEqual(description.weights);
    expect(teacher.architecture).toEqual({ ...SIZES, vocabulary: prepared.corpus.index.vocabulary });
    expect(teacher.bundle).toBe(at("toy-teacher"));
    expect(existsSync(at("work"))).toBe(false);
  });

  test("makes a key of its weights, wherever it lies", async () => {
    const { key } = await teacherStage(use("toy-teacher"), prepared);
    mkdirSync(at("moved"));
    for (const file of ["bundle.json", "tokenizer.json", "weights.safetensors", "MODEL_CARD.md"])
      copyFileSync(at("toy-teacher", file), at("moved", file));
    expect((await teacherStage(use("moved"), prepared)).key).toBe(key);
    const { vocabulary } = prepared.corpus.index;
    const weights = new Map(description.weights).set("output.bias", new Float32Array(vocabulary));
    const architecture = { ...SIZES, vocabulary };
    await writeTeacherBundle(at("changed"), { ...description, weights }, architecture);
    expect((await teacherStage(use("changed"), prepared)).key).not.toBe(key);
  });

  test("is refused where it is none, or does not fit the corpus", async () => {
    const complaint = (bundle: string, of = prepared) =>
      teacherStage(use(bundle), of).then(
        () => "nothing",
        (error: unknown) => (error instanceof RecipeError ? error.message : String(error)),
      );
    expect(await complaint("nowhere")).toContain(`teacher.bundle: ${at("nowhere", "bundle.json")} cannot be read`);
    expect(await complaint("toy")).toBe(`teacher.bundle: ${at("toy")} holds a student, not a teacher`);
    const french = await preparedFrom("french", "Le bateau est neuf.\tDas Boot ist neu.\n", "fr");
    expect(await complaint("toy-teacher", french)).toBe(
      `teacher.bundle: ${at("toy-teacher")} translates en to de, the corpus is fr to de`,
    );
  });

  test("with another tokenizer than the corpus's is foreign, and says what that means", async () => {
    const other = await preparedFrom("third", "She has a red hat.\tSie hat einen roten Hut.\n");
    const teacher = await teacherStage(use("toy-teacher"), other);
    if (teacher.type !== "foreign") throw new Error("it should be foreign");
    expect(said).toEqual([
      `teacher: ${at("toy-teacher")} has another tokenizer than this recipe's corpus, so its translations go through text, ` +
        `and the student starts without its weights; to share it, set corpus.tokenizer.file to ${at("toy-teacher")}/tokenizer.json`,
    ]);
    expect(teacher.model.codec.encode("The boat")).toEqual(prepared.corpus.tokenizer.encode("The boat"));
    expect(teacher.model.longestSource).toBe(SIZES.maxPositions - 1);
    expect(() => networkTeacher(teacher, "distill.topK")).toThrow(
      `distill.topK needs a teacher with the corpus's vocabulary, and ${at("toy-teacher")} has its own: distil from it at ` +
        "sequence level (distill.method), or train a teacher here",
    );
  });
});

describe("teacher.huggingFace", () => {
  const use = (folder: string, more = "") => context(`teacher: { huggingFace: { folder: ${folder}${more} } }`);

  test("is used as it is, keyed by its files and languages", async () => {
    writeExported(at("m2m"), exportedFixture("m2m100"));
    const teacher = await teacherStage(use("m2m"), prepared);
    expect(teacher).toMatchObject({ type: "foreign", folder: at("m2m") });
    expect(said).toEqual([`teacher: m2m_100 in ${at("m2m")}, en to de`]);
    writeExported(at("moved-m2m"), exportedFixture("m2m100"));
    expect((await teacherStage(use("moved-m2m"), prepared)).key).toBe(teacher.key);
    expect((await teacherStage(use("m2m", ", targetLanguage: en"), prepared)).key).not.toBe(teacher.key);
    writeExported(at("changed-m2m"), exportedFixture("m2m100"), { "tokenizer_config.json": {} });
    expect((await teacherStage(use("changed-m2m"), prepared)).key).not.toBe(teacher.key);
  });

  test("is refused with what is wrong, as wrong use of the recipe", async () => {
    const complaint = (folder: string, more = "") =>
      teacherStage(use(folder, more), prepared)
        .then(async (teacher) => {
          if (teacher.type === "foreign") await teacher.model.open(2, 1);
        })
        .then(
          () => "nothing",
          (error: unknown) => (error instanceof RecipeError ? error.message : String(error)),
        );
    expect(await complaint("nowhere")).toBe(`teacher.huggingFace: ${at("nowhere")} does not exist`);
    writeExported(at("nllb"), exportedFixture("nllb"));
    expect(await complaint("nllb")).toContain(
      "has no source language en: set sourceLanguage to one of deu_Latn, eng_Latn",
    );
    expect(await complaint("nllb", ", sourceLanguage: eng_Latn, targetLanguage: deu_Latn")).toBe("nothing");
    writeFileSync(at("nllb", "encoder_model.onnx"), "broken");
    expect(await complaint("nllb", ", sourceLanguage: eng_Latn, targetLanguage: deu_Latn")).toMatch(
      /^teacher\.huggingFace: .*encoder_model\.onnx: /,
    );
  });
});
