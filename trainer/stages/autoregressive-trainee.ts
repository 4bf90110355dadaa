// An autoregressive Transformer in training: the teacher, and a student of that kind.
import * as ort from "onnxruntime-node";
import type { Batch } from "../corpus/batches.ts";
import type { Weights } from "../networks/parameters.ts";
import type { Architecture } from "../networks/transformer.ts";
import type { TrainingSettings } from "../recipe.ts";
import { distilledFeeds, distilledTrainingGraph } from "../training/distilled-graph.ts";
import { teacherFeeds, teacherTrainingGraph } from "../training/teacher-graph.ts";
import type { StageContext } from "./context.ts";
import { activeTerms, type Distillation, hasTerms, pairWeightsOf, rowWeights } from "./distillation.ts";
import { OwnTargets } from "./own-targets.ts";
import type { PreparedStage } from "./prepare-stage.ts";
import type { Trainee } from "./training-stage.ts";
import { bleuByTarget, score, teacherTranslations, validationSentences } from "./validation.ts";

const GREEDY = { beam: 1, lengthPenalty: 1, maxLengthRatio: 2 };

export async function autoregressiveTrainee(
  context: StageContext,
  prepared: PreparedStage,
  architecture: Architecture,
  training: TrainingSettings,
  distillation?: Distillation,
): Promise<Trainee> {
  const { threads } = context.recipe;
  const sentences = await validationSentences(prepared.corpus, training.validationSentences);
  const lesson = distillation && lessonOf(architecture, training, distillation);
  const onPolicy = distillation?.objective.onPolicy;
  const { seed } = context.recipe.corpus;
  const own =
    onPolicy && onPolicy.rate > 0 ? await OwnTargets.create(architecture, onPolicy, { seed, threads }) : undefined;
  return {
    graph: lesson?.graph ?? (() => teacherTrainingGraph(architecture, training)),
    feeds: async (given, step, model) => {
      const written = own?.isDue(step) ?? false;
      const batch = own && written ? await own.write(given, step, await model.parameterTensors()) : given;
      return {
        feeds: lesson?.feeds(batch, written) ?? teacherFeeds(ort, batch),
        sourceTokens: total(batch.sourceLengths),
        targetTokens: total(batch.targetLengths),
        largestActivation: batch.rows * Math.max(batch.S, batch.U) * architecture.width,
        written,
      };
    },
    validate: async (weights: Weights) => {
      const { corpus } = prepared;
      const texts = await teacherTranslations(ort, architecture, weights, GREEDY, corpus, sentences.ids, threads);
      const scores = score(texts, sentences.references);
      return { quality: scores.bleu, figures: { ...scores, ...bleuByTarget(texts, sentences) } };
    },
    validated: "greedy",
    dispose: async () => own?.dispose(),
  };
}

/**
 * The graph with the teacher in it and its feeds.
 * @returns undefined where the objective is the targets' likelihood alone, every pair weighing the same.
 */
function lessonOf(architecture: Architecture, training: TrainingSettings, distillation: Distillation) {
  const { objective, teacher, topK } = distillation;
  const { pairWeights } = objective;
  if (!hasTerms(objective)) {
    if (pairWeights.distilled === 1 && pairWeights.raw === 1) return undefined;
    const graph = () => teacherTrainingGraph(architecture, training);
    return { graph, feeds: (batch: Batch) => teacherFeeds(ort, batch, pairWeightsOf(batch, objective)) };
  }
  const { dropout, labelSmoothing } = training;
  const terms = { dropout, labelSmoothing, ...activeTerms(objective, topK) };
  return {
    graph: () => distilledTrainingGraph(architecture, terms, teacher),
    feeds: (batch: Batch, written: boolean) => distilledFeeds(ort, batch, rowWeights(batch, objective, topK, written)),
  };
}

const total = (lengths: Int32Array): number => lengths.reduce((sum, length) => sum + length, 0);
