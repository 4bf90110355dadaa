// Stage 2: shards → teacher, or one that is there already.
import type { Architecture } from "../networks/transformer.ts";
import { autoregressiveTrainee } from "./autoregressive-trainee.ts";
import type { StageContext } from "./context.ts";
import { bundledTeacher, bundledTeachers, exportedTeacher } from "./given-teacher.ts";
import { namedWeights } from "./initial-weights.ts";
import type { PreparedStage } from "./prepare-stage.ts";
import { StageFolder } from "./stage-folder.ts";
import { networkOf, type TeacherStage } from "./teacher.ts";
import { keyedNoise, keyedSettings, readResult, trainNetwork } from "./training-stage.ts";

export function teacherArchitecture(context: StageContext, prepared: PreparedStage): Architecture {
  return { ...context.recipe.teacher.architecture, vocabulary: prepared.corpus.index.vocabulary };
}

export async function teacherStage(context: StageContext, prepared: PreparedStage): Promise<TeacherStage> {
  const { recipe } = context;
  const { training, bundle, huggingFace } = recipe.teacher;
  if (typeof bundle === "string") return bundledTeacher(context, prepared, bundle);
  if (bundle !== undefined) return bundledTeachers(context, prepared, bundle);
  if (huggingFace !== undefined) return exportedTeacher(context, prepared, huggingFace);
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
