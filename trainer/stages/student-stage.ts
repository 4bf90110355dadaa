// Stage 4: the teacher's translations → the student, of the kind that the recipe names.
import type { TrainPart } from "../corpus/epoch-plan.ts";
import type { Weights } from "../networks/parameters.ts";
import type { StudentArchitecture } from "../networks/student.ts";
import type { Architecture } from "../networks/transformer.ts";
import { autoregressiveTrainee } from "./autoregressive-trainee.ts";
import type { StageContext } from "./context.ts";
import { ctcTrainee } from "./ctc-trainee.ts";
import type { DistilledStage } from "./distill-stage.ts";
import { namedWeights } from "./initial-weights.ts";
import type { PreparedStage } from "./prepare-stage.ts";
import { StageFolder } from "./stage-folder.ts";
import type { TeacherStage } from "./teacher-stage.ts";
import {
  keyedNoise,
  keyedSettings,
  readResult,
  type TrainingResult,
  trainingResultSchema,
  trainNetwork,
} from "./training-stage.ts";

/** A student's network by its kind. */
export type StudentNetwork =
  | { readonly type: "ctc"; readonly architecture: StudentArchitecture }
  | { readonly type: "autoregressive"; readonly architecture: Architecture };

export type StudentStage = StudentNetwork & {
  readonly key: string;
  readonly weights: Weights;
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  readonly training: TrainingResult;
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
  });
  const start =
    teacher.type === "network"
      ? { weights: { tensors: teacher.weights, shapes: teacher.shapes }, from: "the teacher" }
      : undefined; // a foreign teacher's embeddings are of other pieces
  await folder.make(async (path) => {
    context.say(`student: ${path}`);
    const parts = await studentParts(prepared, distilled, rawWeight);
    const otherwise = initFromTeacher ? start : undefined;
    const run = { role: "student", architecture, training, parts, named, otherwise } as const;
    const trainee =
      network.type === "ctc"
        ? await ctcTrainee(context, prepared, network.architecture)
        : await autoregressiveTrainee(context, prepared, architecture, training);
    return trainNetwork(context, prepared, path, run, trainee);
  });
  return {
    key: folder.key,
    ...network,
    ...readResult(folder.path),
    training: trainingResultSchema.parse(folder.result),
  };
}

function studentNetwork({ recipe }: StageContext, prepared: PreparedStage): StudentNetwork {
  const { type, slotsPerToken } = recipe.student;
  const architecture = { ...recipe.student.architecture, vocabulary: prepared.corpus.index.vocabulary };
  return type === "ctc" ? { type, architecture: { ...architecture, slotsPerToken } } : { type, architecture };
}

/** What only one kind of student reads, for the stage's key; a CTC student's has no type, as before there were others. */
function ownSettings({ recipe }: StageContext): Readonly<Record<string, unknown>> {
  const { type, waits, glancing } = recipe.student;
  if (type !== "ctc") return { type };
  return { waits, glancing, defaultWait: recipe.export.defaultWait }; // its validation at that wait chooses the result
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
