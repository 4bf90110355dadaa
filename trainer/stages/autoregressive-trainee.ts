// An autoregressive Transformer in training: the teacher, a student of that kind, and one that streams (wait-k).
import * as ort from "onnxruntime-node";
import type { Wait } from "../../models/wait.ts";
import type { Batch } from "../corpus/batches.ts";
import type { Weights } from "../networks/parameters.ts";
import type { Architecture } from "../networks/transformer.ts";
import { Random } from "../random.ts";
import type { TrainingSettings } from "../recipe.ts";
import { distilledFeeds, distilledTrainingGraph } from "../training/distilled-graph.ts";
import { drawLags, type LagDraw, lagFeeds } from "../training/lags.ts";
import type { Validation } from "../training/snapshots.ts";
import { type TeacherObjective, teacherFeeds, teacherTrainingGraph } from "../training/teacher-graph.ts";
import type { Feeds } from "../training/training-step.ts";
import type { StageContext } from "./context.ts";
import { activeTerms, type Distillation, hasTerms, pairWeightsOf, rowWeights } from "./distillation.ts";
import { OwnTargets } from "./own-targets.ts";
import type { PreparedStage } from "./prepare-stage.ts";
import type { Trainee } from "./training-stage.ts";
import {
  bleuByTarget,
  score,
  teacherTranslations,
  validateStreaming,
  validationSentences,
  waitKStudentModel,
} from "./validation.ts";

/** How an autoregressive student learns to read and write by turns: multi-path wait-k. */
export interface Streaming {
  /** What each row's lag is drawn from. */
  readonly waits: LagDraw;
  /** The lag at which validation chooses. */
  readonly defaultWait: Wait;
}

const SHORTEST_WAIT = 1;
const GREEDY = { beam: 1, lengthPenalty: 1, maxLengthRatio: 2 };

export async function autoregressiveTrainee(
  context: StageContext,
  prepared: PreparedStage,
  architecture: Architecture,
  training: TrainingSettings,
  distillation?: Distillation,
  streaming?: Streaming,
): Promise<Trainee> {
  const { threads } = context.recipe;
  const settings = { ...training, streaming: streaming !== undefined };
  const sentences = await validationSentences(prepared.corpus, training.validationSentences);
  const lesson = distillation && lessonOf(architecture, settings, distillation);
  const onPolicy = distillation?.objective.onPolicy;
  const { seed } = context.recipe.corpus;
  const own =
    onPolicy && onPolicy.rate > 0 ? await OwnTargets.create(architecture, onPolicy, { seed, threads }) : undefined;
  return {
    graph: lesson?.graph ?? (() => teacherTrainingGraph(architecture, settings)),
    feeds: async (given, step, model, number) => {
      const written = own?.isDue(step, number) ?? false;
      const batch = own && written ? await own.write(given, number, await model.parameterTensors()) : given;
      return {
        feeds: { ...(lesson?.feeds(batch, written) ?? teacherFeeds(ort, batch)), ...lagsOf(batch, number) },
        sourceTokens: total(batch.sourceLengths),
        targetTokens: total(batch.targetLengths),
        largestActivation: batch.rows * Math.max(batch.S, batch.U) * architecture.width,
        written,
      };
    },
    validate: async (weights: Weights) => {
      const { corpus } = prepared;
      if (streaming) return validateWaitK(weights, streaming.defaultWait);
      const texts = await teacherTranslations(ort, architecture, weights, GREEDY, corpus, sentences.ids, threads);
      const scores = score(texts, sentences.references);
      return { quality: scores.bleu, figures: { ...scores, ...bleuByTarget(texts, sentences) } };
    },
    validated: streaming ? `at wait ${streaming.defaultWait}` : "greedy",
    dispose: async () => own?.dispose(),
  };

  function lagsOf({ rows }: Batch, number: number): Feeds {
    return streaming ? lagFeeds(ort, drawLags(streaming.waits, rows, new Random(seed, "student", number))) : {};
  }

  async function validateWaitK(weights: Weights, defaultWait: Wait): Promise<Validation> {
    const model = await waitKStudentModel(ort, architecture, weights, { precision: "fp32", threads });
    try {
      return await validateStreaming(model, prepared.corpus, sentences, defaultWait, SHORTEST_WAIT);
    } finally {
      await model.release();
    }
  }
}

/**
 * The graph with the teacher in it and its feeds.
 * @returns undefined where the objective is the targets' likelihood alone, every pair weighing the same.
 */
function lessonOf(architecture: Architecture, training: TeacherObjective, distillation: Distillation) {
  const { objective, teacher, topK } = distillation;
  const { pairWeights } = objective;
  if (!hasTerms(objective)) {
    if (pairWeights.distilled === 1 && pairWeights.raw === 1) return undefined;
    const graph = () => teacherTrainingGraph(architecture, training);
    return { graph, feeds: (batch: Batch) => teacherFeeds(ort, batch, pairWeightsOf(batch, objective)) };
  }
  const { dropout, labelSmoothing, streaming } = training;
  const terms = { dropout, labelSmoothing, streaming, ...activeTerms(objective, topK) };
  return {
    graph: () => distilledTrainingGraph(architecture, terms, teacher),
    feeds: (batch: Batch, written: boolean) => distilledFeeds(ort, batch, rowWeights(batch, objective, topK, written)),
  };
}

const total = (lengths: Int32Array): number => lengths.reduce((sum, length) => sum + length, 0);
