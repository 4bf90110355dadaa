// Stage 2: shards → teacher.
import { loadBundle } from "../../models/bundle.ts";
import { BundleError } from "../../models/bundle-error.ts";
import { type TextModel, transformerModel } from "../decoding/text-model.ts";
import type { Weights } from "../networks/parameters.ts";
import type { Architecture } from "../networks/transformer.ts";
import { RecipeError } from "../recipe.ts";
import { readSafetensors } from "../training/safetensors.ts";
import { autoregressiveTrainee } from "./autoregressive-trainee.ts";
import { modelPath, type StageContext } from "./context.ts";
import { checkSameTokenizer, namedWeights } from "./initial-weights.ts";
import type { PreparedStage } from "./prepare-stage.ts";
import { hashOf, StageFolder } from "./stage-folder.ts";
import { keyedNoise, keyedSettings, readResult, trainNetwork } from "./training-stage.ts";

interface AnyTeacher {
  readonly key: string;
  /** What it translates with. */
  readonly model: TextModel;
}

/** A network of this project over the corpus's vocabulary: its weights and distributions mean something to the student. */
export interface NetworkTeacher extends AnyTeacher {
  readonly type: "network";
  readonly architecture: Architecture;
  readonly weights: Weights;
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  /** The folder of the bundle that it comes from, where it was not trained here. */
  readonly bundle?: string;
}

/** A teacher with a vocabulary of its own: only its translations, as text, mean something to the student. */
export interface ForeignTeacher extends AnyTeacher {
  readonly type: "foreign";
  /** Where it comes from. */
  readonly folder: string;
}

export type TeacherStage = NetworkTeacher | ForeignTeacher;

/**
 * The teacher for an objective that compares distributions or copies weights.
 * @throws RecipeError naming the field, where the teacher has another vocabulary than the student.
 */
export function networkTeacher(teacher: TeacherStage, field: string): NetworkTeacher {
  if (teacher.type === "network") return teacher;
  throw new RecipeError(
    `${field} needs a teacher with the corpus's vocabulary, and ${teacher.folder} has its own: distil from it at sequence ` +
      "level (distill.method), or train a teacher here",
  );
}

export function teacherArchitecture(context: StageContext, prepared: PreparedStage): Architecture {
  return { ...context.recipe.teacher.architecture, vocabulary: prepared.corpus.index.vocabulary };
}

export async function teacherStage(context: StageContext, prepared: PreparedStage): Promise<TeacherStage> {
  const { recipe } = context;
  const { training, bundle } = recipe.teacher;
  if (bundle !== undefined) return bundledTeacher(context, prepared, bundle);
  const architecture = teacherArchitecture(context, prepared);
  const named = await namedWeights(context, prepared, "teacher");
  const keyed = keyedSettings(training);
  const own = { architecture, keyed, ...keyedNoise(recipe.teacher.noise) };
  const input = { prepared: prepared.key, ...own, initial: named?.sha256 };
  const folder = new StageFolder(context.work, recipe.name, "teacher", input);
  await folder.make(async (path) => {
    context.say(`teacher: ${path}`);
    const parts = await prepared.corpus.trainParts();
    const trainee = await autoregressiveTrainee(context, prepared, architecture, training);
    return trainNetwork(context, prepared, path, { role: "teacher", architecture, training, parts, named }, trainee);
  });
  return networkOf(prepared, { key: folder.key, architecture, ...readResult(folder.path) });
}

/**
 * A bundle's teacher as it is.
 * @throws RecipeError where it is none, or of other languages or another tokenizer than the corpus.
 */
async function bundledTeacher(context: StageContext, prepared: PreparedStage, path: string): Promise<TeacherStage> {
  const dir = modelPath(context, path);
  const refuse = (problem: string) => new RecipeError(`teacher.bundle: ${problem}`);
  const bundle = await loadBundle(dir).catch((error: unknown) => {
    throw error instanceof BundleError ? refuse(error.message) : error;
  });
  const { kind, source, target, architecture: sizes, limits, files } = bundle.manifest;
  if (kind !== "teacher" || bundle.weightsPath === undefined) throw refuse(`${dir} holds a ${kind}, not a teacher`);
  const { source: from, target: to } = prepared.corpus.index;
  if (source !== from || target !== to)
    throw refuse(`${dir} translates ${source} to ${target}, the corpus is ${from} to ${to}`);
  await checkSameTokenizer("teacher.bundle", dir, prepared);
  const { width, heads, feedForward, encoderLayers, decoderLayers, vocabulary } = sizes;
  const architecture = { width, heads, feedForward, encoderLayers, decoderLayers, vocabulary };
  const { tensors, shapes } = readSafetensors(bundle.weightsPath);
  const sha256 = files.find(({ path }) => path === "weights.safetensors")?.sha256;
  return networkOf(prepared, {
    key: hashOf({ stage: "teacher", input: { prepared: prepared.key, bundle: sha256 } }),
    architecture: { ...architecture, maxPositions: limits.maxSourceTokens },
    weights: tensors,
    shapes,
    bundle: dir,
  });
}

const networkOf = (prepared: PreparedStage, network: Omit<NetworkTeacher, "type" | "model">): NetworkTeacher => ({
  ...network,
  type: "network",
  model: transformerModel(network, prepared.corpus.tokenizer),
});
