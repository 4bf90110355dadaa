// Stage 4: the teacher's translations → the non-autoregressive student.
import { join } from "node:path";
import * as ort from "onnxruntime-node";
import { FULL_WAIT } from "../../models/wait.ts";
import { BatchStream } from "../corpus/batches.ts";
import type { TrainPart } from "../corpus/epoch-plan.ts";
import type { Weights } from "../networks/parameters.ts";
import type { StudentArchitecture } from "../networks/student.ts";
import { Random } from "../random.ts";
import { GlancingPass, glancingRatio, noGlance } from "../training/glancing.ts";
import { type PreparedBatch, runLoop } from "../training/loop.ts";
import { readSafetensors } from "../training/safetensors.ts";
import { studentFeeds, studentTrainingGraph } from "../training/student-graph.ts";
import { TrainingStep } from "../training/training-step.ts";
import { type StageContext, stageProgress } from "./context.ts";
import type { DistilledStage } from "./distill-stage.ts";
import { namedWeights, startingWeights } from "./initial-weights.ts";
import type { PreparedStage } from "./prepare-stage.ts";
import { StageFolder } from "./stage-folder.ts";
import type { TeacherStage } from "./teacher-stage.ts";
import { adamSettings, chooseResult, loopSettings, RESULT } from "./training-stage.ts";
import { score, studentStepModel, studentTranslations, validationSentences } from "./validation.ts";

export interface StudentStage {
  readonly key: string;
  readonly architecture: StudentArchitecture;
  readonly weights: Weights;
  readonly shapes: ReadonlyMap<string, readonly number[]>;
}

export async function studentStage(
  context: StageContext,
  prepared: PreparedStage,
  teacher: TeacherStage,
  distilled: DistilledStage,
): Promise<StudentStage> {
  const { recipe } = context;
  const { training, slotsPerToken, initFromTeacher, waits, glancing, rawWeight } = recipe.student;
  const architecture: StudentArchitecture = {
    ...recipe.student.architecture,
    vocabulary: prepared.corpus.index.vocabulary,
    slotsPerToken,
  };
  const { checkpointSeconds: _, logEverySteps: __, ...keyed } = training;
  const named = await namedWeights(context, prepared, "student");
  const initial = named?.sha256;
  const { defaultWait } = recipe.export; // its validation chooses the result
  const kept = { architecture, keyed, initFromTeacher, waits, glancing, rawWeight, initial, defaultWait };
  const start = { weights: { tensors: teacher.weights, shapes: teacher.shapes }, from: "the teacher" };
  const folder = new StageFolder(context.work, recipe.name, "student", { distilled: distilled.key, ...kept });
  await folder.make(async (path) => {
    context.say(`student: ${path}`);
    const { seed } = recipe.corpus;
    const glances = glancing.start > 0 || glancing.end > 0;
    const graph = () => studentTrainingGraph(architecture, { dropout: training.dropout, glancing: glances });
    const { specs } = graph().parameters;
    const parts = await studentParts(prepared, distilled, rawWeight);
    const sentences = await validationSentences(prepared.corpus, training.validationSentences);
    const validate = async (weights: Weights) => {
      const model = await studentStepModel(ort, architecture, weights, {
        precision: "fp32",
        blankBias: 0,
        threads: recipe.threads,
      });
      try {
        const at = async (wait: number | "full") =>
          score(await studentTranslations(model, prepared.corpus, sentences.sources, wait), sentences.references);
        const atDefault = await at(defaultWait);
        const full = await at("full");
        return {
          quality: atDefault.bleu,
          figures: { ...atDefault, bleuFull: full.bleu, brevityPenaltyFull: full.brevityPenalty },
        };
      } finally {
        await model.release();
      }
    };
    const pass = glances ? await GlancingPass.create(ort, architecture, recipe.threads) : undefined;
    const state = await runLoop(loopSettings(path, training), {
      specs,
      initial: () => startingWeights(context, "student", specs, named, initFromTeacher ? start : undefined),
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
        const options = { seed, paddedTokens: batchTokens, maximumTokens, multiple: 1, slotsPerToken };
        const stream = new BatchStream(parts, options, place);
        return {
          get state() {
            return stream.state;
          },
          next: async (step, model): Promise<PreparedBatch> => {
            const batch = stream.next();
            const random = new Random(seed, "student", step);
            const lags = Int32Array.from({ length: batch.rows }, () => drawWait(waits, random));
            const made = studentFeeds(ort, batch, lags, slotsPerToken);
            if (glances) {
              const ratio = glancingRatio(glancing, step, training.steps);
              const shown =
                pass && ratio > 0
                  ? await pass.glance(made, model.parameterTensors(), ratio, random)
                  : noGlance(ort, made);
              Object.assign(made.feeds, shown);
            }
            return {
              feeds: made.feeds,
              sourceTokens: batch.sourceLengths.reduce((sum, length) => sum + length, 0),
              targetTokens: made.targetTokens,
              largestActivation: batch.rows * made.T * architecture.width,
              leftOut: { infeasible: made.infeasible },
            };
          },
        };
      },
      validate,
      progress: stageProgress(context, "student", training.steps, "steps"),
      signal: context.signal,
    });
    await pass?.dispose();
    const { chosen, qualities } = await chooseResult(
      path,
      state,
      specs,
      async (weights) => (await validate(weights)).quality,
      { architecture, tokenizer: prepared.corpus.tokenizerPath },
    );
    context.say(`student: ${chosen}, valid BLEU ${qualities[chosen]?.toFixed(2)} at wait ${defaultWait}`);
    return { chosen, qualities, steps: state.step, seconds: state.seconds, targetTokens: state.targetTokens };
  });
  const { tensors, shapes } = readSafetensors(join(folder.path, RESULT));
  return { key: folder.key, architecture, weights: tensors, shapes };
}

/** The distilled corpora, the ones that were not distilled as they are, and the raw pairs again where the recipe says so. */
async function studentParts(
  prepared: PreparedStage,
  distilled: DistilledStage,
  rawWeight: number,
): Promise<TrainPart[]> {
  const names = new Set(distilled.parts.map(({ shard }) => shard.name));
  const raw = await prepared.corpus.trainParts();
  const undistilled = raw.filter(({ shard }) => !names.has(shard.name));
  const again = raw
    .filter(({ shard }) => names.has(shard.name))
    .map((part) => ({ ...part, weight: part.weight * rawWeight }));
  return [...distilled.parts, ...undistilled, ...(rawWeight > 0 ? again : [])];
}

function drawWait(waits: { maximum: number; full: number }, random: Random): number {
  return random.uniform() < waits.full ? FULL_WAIT : 1 + random.below(waits.maximum);
}
