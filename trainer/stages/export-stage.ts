// Stage 6: the bundles, teacher's and student's, with their model cards.
import { basename, join } from "node:path";
import type { BundleManifest } from "../../models/manifest.ts";
import {
  type BundleDescription,
  writeAutoregressiveBundle,
  writeStudentBundle,
  writeTeacherBundle,
} from "../export/bundle-folder.ts";
import { type ModelKind, modelCard } from "../export/model-card.ts";
import type { StageContext } from "./context.ts";
import type { EvaluateStage } from "./evaluate-stage.ts";
import type { PreparedStage } from "./prepare-stage.ts";
import { hashOf, StageFolder } from "./stage-folder.ts";
import { type StudentStage, streams } from "./student-stage.ts";
import type { NetworkTeacher, TeacherStage } from "./teacher.ts";

export interface ExportStage {
  readonly student: string;
  /** None where the teacher is there already. */
  readonly teacher?: string;
}

export interface ExportOptions {
  readonly version: string;
  /** What made the models: `recipe.yaml` of the bundles. */
  readonly recipeText: string;
  readonly out?: string;
}

/** @param options.out the folder that gets `<name>` and, where one was trained, `<name>-teacher`; the stage's own folder when left out. */
export async function exportStage(
  context: StageContext,
  prepared: PreparedStage,
  teacher: TeacherStage,
  student: StudentStage,
  evaluation: EvaluateStage,
  { version, recipeText, out }: ExportOptions,
): Promise<ExportStage> {
  const { recipe } = context;
  const folder = new StageFolder(context.work, recipe.name, "export", {
    evaluation: evaluation.key,
    export: recipe.export,
    version,
  });
  const into = out ?? folder.open();
  const teacherName = `${recipe.name}-teacher`;
  const trained = teacher.type === "network" && teacher.bundle === undefined ? teacher : undefined;
  const elsewhere = teachersElsewhere(teacher);
  const paths = { student: join(into, recipe.name), teacher: trained && join(into, teacherName) };
  const { source, target, train } = recipe.corpus;
  const common = {
    source,
    target,
    tokenizerPath: prepared.corpus.tokenizerPath,
    recipeHash: hashOf(recipe),
    recipeText,
    createdWith: `souffleur ${version}`,
    licence: recipe.export.licence,
    attributions: recipe.export.attributions,
  };
  const teacherQuality: BundleManifest["quality"] = evaluation.teacher.map((scores) => ({
    ...scores,
    wait: null,
    averageLagging: null,
  }));
  const streaming = streams(student.type);
  const studentQuality: BundleManifest["quality"] = evaluation.student.flatMap(({ test, target, rows }) =>
    rows.map(({ wait, bleu, chrf, brevityPenalty, averageLagging, noisy }) => ({
      ...{ test, ...(target !== undefined && { target }), bleu, chrf, brevityPenalty },
      ...(streaming ? { wait, averageLagging } : { wait: null, averageLagging: null }),
      ...(noisy && { noisy }),
    })),
  );
  const weights = prepared.corpus.index.train.map(({ weight }) => Number(weight.toPrecision(3))); // evened out by target
  const corpora = train.map(({ path }, place) => ({ path, weight: weights[place]! }));
  const describe = (
    name: string,
    kind: ModelKind,
    model: NetworkTeacher | StudentStage,
    quality: BundleManifest["quality"],
  ): BundleDescription => ({
    ...common,
    name,
    weights: model.weights,
    shapes: model.shapes,
    quality,
    modelCard: modelCard({
      kind,
      name,
      recipe,
      corpora,
      quality,
      teacherQuality,
      architecture: model.architecture,
      blankBias: evaluation.blankBias ?? 0,
      teachers: elsewhere.map((folder) => basename(folder)),
      version,
    }),
  });
  if (trained && paths.teacher) {
    const description = describe(teacherName, "teacher", trained, teacherQuality);
    await writeTeacherBundle(paths.teacher, description, trained.architecture);
  }
  const description = {
    ...describe(recipe.name, `${student.type}-student`, student, studentQuality),
    ...student.learnt,
  };
  const served = {
    precision: recipe.export.precision,
    lags: {
      trained: [...Array.from({ length: recipe.student.waits.maximum }, (_, index) => index + 1), "full" as const],
      default: recipe.export.defaultWait,
    },
    maxSourceTokens: Math.min(student.architecture.maxPositions, recipe.student.training.maximumTokens),
  };
  if (student.type === "ctc") {
    const { architecture } = student;
    const blankBias = evaluation.blankBias ?? 0;
    await writeStudentBundle(paths.student, description, { ...served, architecture, blankBias });
  } else if (student.type === "wait-k") {
    const { architecture } = student;
    await writeAutoregressiveBundle(paths.student, description, { ...served, architecture });
  } else {
    await writeTeacherBundle(paths.student, description, student.architecture);
  }
  folder.open();
  folder.finish(paths);
  context.say(`export: ${paths.student}${paths.teacher ? ` and ${paths.teacher}` : ""}`);
  return paths;
}

/** Folders of the teachers that were there already. */
function teachersElsewhere(teacher: TeacherStage): string[] {
  if (teacher.type === "by-target") return [...teacher.teachers.values()].flatMap(teachersElsewhere);
  if (teacher.type === "foreign") return [teacher.folder];
  return teacher.bundle === undefined ? [] : [teacher.bundle];
}
