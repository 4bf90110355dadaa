// Teachers that are there already: a bundle's, or a model in the Hugging Face layout.
import { loadBundle } from "../../models/bundle.ts";
import { BundleError } from "../../models/bundle-error.ts";
import { exportedModel } from "../decoding/hugging-face/exported-model.ts";
import { HuggingFaceError } from "../decoding/hugging-face/hugging-face-error.ts";
import { openModelFolder } from "../decoding/hugging-face/model-folder.ts";
import { type TextModel, transformerModel } from "../decoding/text-model.ts";
import { type Recipe, RecipeError } from "../recipe.ts";
import { readSafetensors } from "../training/safetensors.ts";
import { modelPath, type StageContext } from "./context.ts";
import { hasSameTokenizer } from "./initial-weights.ts";
import type { PreparedStage } from "./prepare-stage.ts";
import { hashOf, hashOfFile } from "./stage-folder.ts";
import { type ForeignTeacher, networkOf, type OneTeacher, type TeachersByTarget } from "./teacher.ts";

/**
 * A bundle for each target.
 * @throws RecipeError as {@link bundledTeacher}.
 */
export async function bundledTeachers(
  context: StageContext,
  prepared: PreparedStage,
  bundles: Readonly<Record<string, string>>,
): Promise<TeachersByTarget> {
  const teachers = new Map<string, OneTeacher>();
  for (const [target, path] of Object.entries(bundles)) {
    teachers.set(target, await bundledTeacher(context, prepared, path, target));
  }
  const keys = Object.fromEntries([...teachers].map(([target, { key }]) => [target, key]));
  return { type: "by-target", key: hashOf({ stage: "teacher", input: keys }), teachers };
}

/**
 * A bundle's teacher as it is, of all the recipe's targets or of `own`. One with another tokenizer than the corpus's is foreign: its translations go through text.
 * @throws RecipeError where it is none, or of other languages than the corpus.
 */
export async function bundledTeacher(
  context: StageContext,
  prepared: PreparedStage,
  path: string,
  own?: string,
): Promise<OneTeacher> {
  const dir = modelPath(context, path);
  const field = own === undefined ? "teacher.bundle" : `teacher.bundle.${own}`;
  const refuse = (problem: string) => new RecipeError(`${field}: ${problem}`);
  const bundle = await loadBundle(dir).catch((error: unknown) => {
    throw error instanceof BundleError ? refuse(error.message) : error;
  });
  const { kind, source, target, architecture: sizes, limits, files } = bundle.manifest;
  if (kind !== "teacher" || bundle.weightsPath === undefined) throw refuse(`${dir} holds a ${kind}, not a teacher`);
  const from = prepared.corpus.index.source;
  const to = own ?? prepared.corpus.index.target;
  if (source !== from || String(target) !== String(to))
    throw refuse(`${dir} translates ${source} to ${target}, the corpus is ${from} to ${to}`);
  const { width, heads, feedForward, encoderLayers, decoderLayers, vocabulary } = sizes;
  const { tensors: weights, shapes } = readSafetensors(bundle.weightsPath);
  const network = {
    architecture: {
      ...{ width, heads, feedForward, encoderLayers, decoderLayers, vocabulary },
      maxPositions: limits.maxSourceTokens,
    },
    weights,
  };
  const hashes = (...names: string[]) => names.map((name) => files.find(({ path }) => path === name)?.sha256);
  const [sha256, tokenizerSha256] = hashes("weights.safetensors", "tokenizer.json");
  const key = (input: object) => hashOf({ stage: "teacher", input: { prepared: prepared.key, ...input } });
  if (await hasSameTokenizer(dir, prepared))
    return networkOf(prepared, { key: key({ bundle: sha256 }), ...network, shapes, bundle: dir });
  context.say(
    `teacher: ${dir} has another tokenizer than this recipe's corpus, so its translations go through text, and the ` +
      `student starts without its weights; to share it, set corpus.tokenizer.file to ${dir}/tokenizer.json`,
  );
  return {
    ...{ type: "foreign", key: key({ bundle: sha256, tokenizer: tokenizerSha256 }), folder: dir },
    model: transformerModel(network, bundle.tokenizer),
  };
}

type HuggingFace = NonNullable<Recipe["teacher"]["huggingFace"]>;

/**
 * A model in the Hugging Face layout: Marian (OPUS-MT), M2M-100, NLLB, mBART-50 as Optimum exports them.
 * @throws RecipeError where the folder cannot be used, with what is missing.
 */
export async function exportedTeacher(
  context: StageContext,
  prepared: PreparedStage,
  { folder: path, sourceLanguage, targetLanguage }: HuggingFace,
): Promise<ForeignTeacher> {
  const dir = modelPath(context, path);
  const { source } = prepared.corpus.index;
  const [target] = [prepared.corpus.index.target].flat();
  const languages = { source: sourceLanguage ?? source, target: targetLanguage ?? target };
  try {
    const folder = openModelFolder(dir);
    const model = exportedModel(folder, languages);
    const files = await Promise.all(folder.files.map(hashOfFile));
    const input = { prepared: prepared.key, files, languages };
    context.say(`teacher: ${folder.type} in ${dir}, ${languages.source} to ${languages.target}`);
    const open: TextModel["open"] = async (...options) => {
      try {
        return await model.open(...options); // the graphs are read here, when they are needed
      } catch (error) {
        throw explained(error);
      }
    };
    return { type: "foreign", key: hashOf({ stage: "teacher", input }), folder: dir, model: { ...model, open } };
  } catch (error) {
    throw explained(error);
  }
}

/** What is wrong with a model's folder is wrong with the recipe that names it. */
const explained = (error: unknown): unknown =>
  error instanceof HuggingFaceError ? new RecipeError(`teacher.huggingFace: ${error.message}`) : error;
