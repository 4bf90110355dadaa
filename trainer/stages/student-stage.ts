// Stage 4: the teacher's translations → the student, of the kind that the recipe names.
import { join } from "node:path";
import type { Weights } from "../networks/parameters.ts";
import type { StudentArchitecture } from "../networks/student.ts";
import type { Architecture } from "../networks/transformer.ts";
import { keyedObjective, needsTeacher } from "../objective.ts";
import { RecipeError } from "../recipe.ts";
import { FINE_TUNE_FOLDER } from "../runs/run-report.ts";
import type { FrozenTeacher } from "../training/distilled-graph.ts";
import { autoregressiveTrainee, type Streaming } from "./autoregressive-trainee.ts";
import type { StageContext } from "./context.ts";
import { ctcTrainee } from "./ctc-trainee.ts";
import type { DistilledStage } from "./distill-stage.ts";
import type { Distillation } from "./distillation.ts";
import { namedWeights } from "./initial-weights.ts";
import type { PreparedStage } from "./prepare-stage.ts";
import { StageFolder } from "./stage-folder.ts";
import { keyedCarrying, type Learnt, readLearnt, studentParts } from "./student-parts.ts";
import { networkTeacher, type TeacherStage } from "./teacher.ts";
import {
  copyResult,
  keyedNoise,
  keyedSettings,
  readResult,
  type TrainingResult,
  type TrainingRun,
  trainingResultSchema,
  trainNetwork,
} from "./training-stage.ts";

/** A student's network by its kind. */
export type StudentNetwork =
  | { readonly type: "ctc"; readonly architecture: StudentArchitecture }
  | { readonly type: "autoregressive" | "wait-k"; readonly architecture: Architecture };

/** Whether a kind of student translates while it reads; the other reads whole sentences. */
export const streams = (type: StudentNetwork["type"]): boolean => type !== "autoregressive";

export type StudentStage = StudentNetwork & {
  readonly key: string;
  readonly weights: Weights;
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  readonly training: TrainingResult;
  /** What it learnt beside translating. */
  readonly learnt: Learnt;
};

export async function studentStage(
  context: StageContext,
  prepared: PreparedStage,
  teacher: TeacherStage,
  distilled: DistilledStage,
): Promise<StudentStage> {
  const { recipe } = context;
  const { training, initFromTeacher, rawWeight } = recipe.student;
  const network = studentNetwork(context, prepared);
  const { architecture } = network;
  const named = await namedWeights(context, prepared, "student");
  const folder = new StageFolder(context.work, recipe.name, "student", {
    ...{ distilled: distilled.key, architecture, keyed: keyedSettings(training), initFromTeacher, rawWeight },
    ...{ initial: named?.sha256, ...ownSettings(context), ...keyedNoise(recipe.student.noise) },
    ...keyedObjective(recipe.student.objective),
    ...keyedCarrying(recipe.student),
  });
  const start =
    teacher.type === "network"
      ? { weights: { tensors: teacher.weights, shapes: teacher.shapes }, from: "the teacher" }
      : undefined; // a foreign teacher's embeddings are of other pieces
  await folder.make(async (path) => {
    context.say(`student: ${path}`);
    const parts = await studentParts(context, prepared, distilled, path);
    const otherwise = initFromTeacher ? start : undefined;
    const run = { role: "student", architecture, training, parts, named, otherwise } as const;
    const { objective } = recipe.student;
    const distillation = { objective, teacher: onlineTeacher(context, teacher), topK: recipe.distill.topK };
    if (network.type !== "ctc") {
      const streaming = streams(network.type) ? streamingOf(context) : undefined;
      const trainee = await autoregressiveTrainee(context, prepared, architecture, training, distillation, streaming);
      return trainNetwork(context, prepared, path, run, trainee);
    }
    const trainee = await ctcTrainee(context, prepared, network.architecture, distillation);
    const trained = await trainNetwork(context, prepared, path, run, trainee);
    if (recipe.student.fineTune.steps === 0) return trained;
    return fineTuned(context, prepared, path, run, network, distillation, trained);
  });
  return {
    key: folder.key,
    ...network,
    ...readResult(folder.path),
    training: trainingResultSchema.parse(folder.result),
    learnt: readLearnt(folder.path),
  };
}

/** The second training, in a folder of its own; its result takes the first one's place where validation likes it better. */
async function fineTuned(
  context: StageContext,
  prepared: PreparedStage,
  path: string,
  run: TrainingRun,
  { architecture }: StudentNetwork & { type: "ctc" },
  distillation: Distillation,
  trained: TrainingResult,
): Promise<TrainingResult> {
  const { steps, peakRate, warmUpSteps, validateEverySteps, ...objective } = context.recipe.student.fineTune;
  const { weights: tensors, shapes } = readResult(path);
  const training = { ...run.training, steps, peakRate, warmUpSteps, validateEverySteps };
  const otherwise = { weights: { tensors, shapes }, from: "the first training's result" };
  const second = { ...run, training, named: undefined, otherwise };
  const folder = join(path, FINE_TUNE_FOLDER);
  const trainee = await ctcTrainee(context, prepared, architecture, distillation, objective);
  const tuned = await trainNetwork(context, prepared, folder, second, trainee);
  const [before, after] = [trained.qualities[trained.chosen] ?? 0, tuned.qualities[tuned.chosen] ?? 0];
  const better = after > before;
  if (better) copyResult(folder, path);
  const qualities = Object.entries(tuned.qualities).map(([name, quality]) => [`fine-tuned, ${name}`, quality]);
  context.say(
    `student: fine-tuning took BLEU from ${before.toFixed(2)} to ${after.toFixed(2)}${better ? "" : ": left out"}`,
  );
  return {
    chosen: better ? `fine-tuned, ${tuned.chosen}` : trained.chosen,
    qualities: { ...trained.qualities, ...Object.fromEntries(qualities) },
    steps: trained.steps + tuned.steps,
    seconds: trained.seconds + tuned.seconds,
    targetTokens: trained.targetTokens + tuned.targetTokens,
    peakMegabytes: Math.max(trained.peakMegabytes ?? 0, tuned.peakMegabytes ?? 0),
  };
}

function studentNetwork({ recipe }: StageContext, prepared: PreparedStage): StudentNetwork {
  const { type, slotsPerToken } = recipe.student;
  const architecture = { ...recipe.student.architecture, vocabulary: prepared.corpus.index.vocabulary };
  return type === "ctc" ? { type, architecture: { ...architecture, slotsPerToken } } : { type, architecture };
}

const streamingOf = ({ recipe }: StageContext): Streaming => ({
  waits: recipe.student.waits,
  defaultWait: recipe.export.defaultWait,
});

/** What only one kind of student reads, for the stage's key; a CTC student's has no type, as before there were others. */
function ownSettings({ recipe }: StageContext): Readonly<Record<string, unknown>> {
  const { type, waits, glancing, fineTune } = recipe.student;
  if (type === "autoregressive") return { type };
  const { defaultWait } = recipe.export; // its validation at that wait chooses the result
  if (type === "wait-k") return { type, waits, defaultWait };
  return { waits, glancing, defaultWait, ...(fineTune.steps > 0 ? { fineTune } : {}) };
}

/**
 * @returns undefined where the objective asks no teacher.
 * @throws RecipeError for a teacher with another vocabulary, or with fewer positions than the student's sentences may have.
 */
function onlineTeacher({ recipe }: StageContext, teacher: TeacherStage): FrozenTeacher | undefined {
  const { objective, training } = recipe.student;
  if (!needsTeacher(objective)) return undefined;
  const { architecture, weights } = networkTeacher(teacher, "student.objective");
  const { maxPositions } = architecture;
  if (training.maximumTokens > maxPositions)
    throw new RecipeError(
      `student.training.maximumTokens: ${training.maximumTokens} is longer than the teacher's ${maxPositions} positions, ` +
        "and student.objective asks the teacher about every sentence",
    );
  return { architecture, weights };
}
