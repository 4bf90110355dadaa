// An autoregressive Transformer in training: the teacher, and a student of that kind.
import * as ort from "onnxruntime-node";
import type { Weights } from "../networks/parameters.ts";
import type { Architecture } from "../networks/transformer.ts";
import type { TrainingSettings } from "../recipe.ts";
import { teacherFeeds, teacherTrainingGraph } from "../training/teacher-graph.ts";
import type { StageContext } from "./context.ts";
import type { PreparedStage } from "./prepare-stage.ts";
import type { Trainee } from "./training-stage.ts";
import { score, teacherTranslations, validationSentences } from "./validation.ts";

const GREEDY = { beam: 1, lengthPenalty: 1, maxLengthRatio: 2 };

export async function autoregressiveTrainee(
  context: StageContext,
  prepared: PreparedStage,
  architecture: Architecture,
  training: TrainingSettings,
): Promise<Trainee> {
  const { threads } = context.recipe;
  const sentences = await validationSentences(prepared.corpus, training.validationSentences);
  return {
    graph: () => teacherTrainingGraph(architecture, training),
    feeds: async (batch) => ({
      feeds: teacherFeeds(ort, batch),
      sourceTokens: total(batch.sourceLengths),
      targetTokens: total(batch.targetLengths),
      largestActivation: batch.rows * Math.max(batch.S, batch.U) * architecture.width,
    }),
    validate: async (weights: Weights) => {
      const { corpus } = prepared;
      const texts = await teacherTranslations(ort, architecture, weights, GREEDY, corpus, sentences.ids, threads);
      const scores = score(texts, sentences.references);
      return { quality: scores.bleu, figures: { ...scores } };
    },
    validated: "greedy",
  };
}

const total = (lengths: Int32Array): number => lengths.reduce((sum, length) => sum + length, 0);
