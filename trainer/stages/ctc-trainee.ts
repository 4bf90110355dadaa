// The non-autoregressive CTC student in training: a lag drawn for every row, glancing where the recipe has it.
import * as ort from "onnxruntime-node";
import type { Weights } from "../networks/parameters.ts";
import type { StudentArchitecture } from "../networks/student.ts";
import { Random } from "../random.ts";
import { GlancingPass, glancingRatio, noGlance } from "../training/glancing.ts";
import { drawLags } from "../training/lags.ts";
import { slotTermFeeds } from "../training/slot-terms.ts";
import { type NgramObjective, ngramFeeds, studentFeeds, studentTrainingGraph } from "../training/student-graph.ts";
import type { StageContext } from "./context.ts";
import { activeTerms, type Distillation, hasTerms, pairWeightsOf, rowWeights } from "./distillation.ts";
import type { PreparedStage } from "./prepare-stage.ts";
import type { Trainee } from "./training-stage.ts";
import { studentStepModel, validateStreaming, validationSentences } from "./validation.ts";

/** @param ngram the objective of fine-tuning, which shows no slot its target and asks no teacher. */
export async function ctcTrainee(
  context: StageContext,
  prepared: PreparedStage,
  architecture: StudentArchitecture,
  distillation: Distillation,
  ngram?: NgramObjective,
): Promise<Trainee> {
  const { recipe } = context;
  const { training, waits, glancing } = recipe.student;
  const { slotsPerToken } = architecture;
  const { threads } = recipe;
  const { seed } = recipe.corpus;
  const { defaultWait } = recipe.export;
  const glances = !ngram && (glancing.start > 0 || glancing.end > 0);
  const sentences = await validationSentences(prepared.corpus, training.validationSentences);
  const pass = glances ? await GlancingPass.create(ort, architecture, threads) : undefined;
  const { objective, teacher, topK } = distillation;
  const distilled = hasTerms(objective) && !ngram ? { teacher, ...activeTerms(objective, topK) } : undefined;
  return {
    slotsPerToken,
    graph: () => studentTrainingGraph(architecture, { dropout: training.dropout, glancing: glances, ngram, distilled }),
    feeds: async (batch, step, model, number) => {
      const random = new Random(seed, ngram ? "fine-tune" : "student", number);
      const lags = drawLags(waits, batch.rows, random);
      const made = studentFeeds(ort, batch, lags, slotsPerToken, pairWeightsOf(batch, objective));
      if (glances) {
        const ratio = glancingRatio(glancing, step, training.steps);
        const shown =
          pass && ratio > 0
            ? await pass.glance(made, await model.parameterTensors(), ratio, random)
            : noGlance(ort, made);
        Object.assign(made.feeds, shown);
      }
      if (ngram) Object.assign(made.feeds, ngramFeeds(ort, batch, lags));
      if (distilled)
        Object.assign(made.feeds, slotTermFeeds(ort, batch, made.rowWeights, rowWeights(batch, objective, topK)));
      return {
        feeds: made.feeds,
        sourceTokens: batch.sourceLengths.reduce((sum, length) => sum + length, 0),
        targetTokens: made.targetTokens,
        largestActivation: batch.rows * made.T * architecture.width,
        leftOut: { infeasible: made.infeasible },
      };
    },
    validate: async (weights: Weights) => {
      const options = { precision: "fp32", blankBias: 0, threads } as const;
      const model = await studentStepModel(ort, architecture, weights, options);
      try {
        return await validateStreaming(model, prepared.corpus, sentences, defaultWait);
      } finally {
        await model.release();
      }
    },
    validated: `at wait ${defaultWait}`,
    dispose: async () => pass?.dispose(),
  };
}
