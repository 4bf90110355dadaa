// Stage 2: shards → teacher.
import { join } from "node:path";
import * as ort from "onnxruntime-node";
import { loadBundle } from "../../models/bundle.ts";
import { BundleError } from "../../models/bundle-error.ts";
import { BatchStream } from "../corpus/batches.ts";
import type { Weights } from "../networks/parameters.ts";
import type { Architecture } from "../networks/transformer.ts";
import { RecipeError } from "../recipe.ts";
import { runLoop } from "../training/loop.ts";
import { readSafetensors } from "../training/safetensors.ts";
import { teacherFeeds, teacherTrainingGraph } from "../training/teacher-graph.ts";
import { TrainingStep } from "../training/training-step.ts";
import { dataPath, type StageContext, stageProgress } from "./context.ts";
import { checkSameTokenizer, namedWeights, startingWeights } from "./initial-weights.ts";
import type { PreparedStage } from "./prepare-stage.ts";
import { hashOf, StageFolder } from "./stage-folder.ts";
import { adamSettings, chooseResult, loopSettings, RESULT } from "./training-stage.ts";
import { score, teacherTranslations, validationSentences } from "./validation.ts";

export interface TeacherStage {
  readonly key: string;
  readonly architecture: Architecture;
  readonly weights: Weights;
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  /** The folder of the bundle that it comes from, where it was not trained here. */
  readonly bundle?: string;
}

export function teacherArchitecture(context: StageContext, prepared: PreparedStage): Architecture {
  return { ...context.recipe.teacher.architecture, vocabulary: prepared.corpus.index.vocabulary };
}

export async function teacherStage(context: StageContext, prepared: PreparedStage): Promise<TeacherStage> {
  const { recipe } = context;
  const { training, bundle } = recipe.teacher;
  if (bundle !== undefined) return bundledTeacher(context, prepared, bundle);
  const architecture = teacherArchitecture(context, prepared);
  const { checkpointSeconds: _, logEverySteps: __, ...keyed } = training; // how often it is saved changes no weight
  const named = await namedWeights(context, prepared, "teacher");
  const input = { prepared: prepared.key, architecture, keyed, initial: named?.sha256 };
  const folder = new StageFolder(context.work, recipe.name, "teacher", input);
  await folder.make(async (path) => {
    context.say(`teacher: ${path}`);
    const { seed } = recipe.corpus;
    const graph = () => teacherTrainingGraph(architecture, training);
    const { specs } = graph().parameters;
    const parts = await prepared.corpus.trainParts();
    const sentences = await validationSentences(prepared.corpus, training.validationSentences);
    const greedy = { beam: 1, lengthPenalty: 1, maxLengthRatio: 2 };
    const translate = async (weights: Weights) =>
      score(
        await teacherTranslations(ort, architecture, weights, greedy, prepared.corpus, sentences.ids, recipe.threads),
        sentences.references,
      );
    const state = await runLoop(loopSettings(path, training), {
      specs,
      initial: () => startingWeights(context, "teacher", specs, named),
      makeStep: (start) =>
        TrainingStep.create(graph(), start, {
          ort,
          adam: adamSettings(training),
          dropout: training.dropout,
          seed,
          threads: recipe.threads,
        }),
      openBatches: (place) => {
        const { batchTokens, maximumTokens } = training;
        const stream = new BatchStream(parts, { seed, paddedTokens: batchTokens, maximumTokens, multiple: 1 }, place);
        return {
          get state() {
            return stream.state;
          },
          next: async () => {
            const batch = stream.next();
            return {
              feeds: teacherFeeds(ort, batch),
              sourceTokens: total(batch.sourceLengths),
              targetTokens: total(batch.targetLengths),
              largestActivation: batch.rows * Math.max(batch.S, batch.U) * architecture.width,
            };
          },
        };
      },
      validate: async (weights) => {
        const scores = await translate(weights);
        return { quality: scores.bleu, figures: { ...scores } };
      },
      progress: stageProgress(context, "teacher", training.steps, "steps"),
      signal: context.signal,
    });
    const { chosen, qualities } = await chooseResult(
      path,
      state,
      specs,
      async (weights) => (await translate(weights)).bleu,
      { architecture, tokenizer: prepared.corpus.tokenizerPath },
    );
    context.say(`teacher: ${chosen}, valid BLEU ${qualities[chosen]?.toFixed(2)} (greedy)`);
    return { chosen, qualities, steps: state.step, seconds: state.seconds, targetTokens: state.targetTokens };
  });
  const { tensors, shapes } = readSafetensors(join(folder.path, RESULT));
  return { key: folder.key, architecture, weights: tensors, shapes };
}

/**
 * A bundle's teacher as it is.
 * @throws RecipeError where it is none, or of other languages or another tokenizer than the corpus.
 */
async function bundledTeacher(context: StageContext, prepared: PreparedStage, path: string): Promise<TeacherStage> {
  const dir = dataPath(context, path);
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
  return {
    key: hashOf({ stage: "teacher", input: { prepared: prepared.key, bundle: sha256 } }),
    architecture: { ...architecture, maxPositions: limits.maxSourceTokens },
    weights: tensors,
    shapes,
    bundle: dir,
  };
}

const total = (lengths: Int32Array): number => lengths.reduce((sum, length) => sum + length, 0);
