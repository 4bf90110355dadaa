// The way from a corpus to a bundle, from top to bottom: each stage reads files and writes files, and is skipped when done.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Recipe, RecipeError } from "./recipe.ts";
import { provenance, saveProvenance } from "./runs/provenance.ts";
import { writeReport } from "./runs/report-page.ts";
import { findRun } from "./runs/runs.ts";
import type { StageContext } from "./stages/context.ts";
import { checkDistilledCorpora, distillStage, type WorkShare } from "./stages/distill-stage.ts";
import { type EvaluateStage, evaluateStage } from "./stages/evaluate-stage.ts";
import { type ExportStage, exportStage } from "./stages/export-stage.ts";
import { prepareStage } from "./stages/prepare-stage.ts";
import { explainFault } from "./stages/stage-fault.ts";
import type { StageName } from "./stages/stage-folder.ts";
import { type StudentStage, studentStage } from "./stages/student-stage.ts";
import { teacherStage } from "./stages/teacher-stage.ts";
import { Interrupted } from "./training/loop.ts";

export interface RunOptions {
  /** The last stage to run. */
  readonly until: StageName;
  /** This process's share of the distillation. */
  readonly share?: WorkShare;
  /** Where `export` puts the bundles. */
  readonly out?: string;
  readonly version: string;
}

/** What the last stages made, as far as they ran. */
export interface StagesResult {
  readonly student: StudentStage;
  readonly evaluation?: EvaluateStage;
  readonly bundles?: ExportStage;
}

/**
 * Runs the stages up to `until`; what is there already is not done again.
 * @returns undefined where the student's stage was not reached.
 * @throws Interrupted when stopped, with everything saved; RecipeError for a recipe that cannot be followed to the end;
 *   StageFault for a full disk or a damaged shard.
 */
export async function runStages(context: StageContext, options: RunOptions): Promise<StagesResult | undefined> {
  const folder = join(context.work, context.recipe.name);
  try {
    return await runInto(folder, context, options);
  } catch (error) {
    throw explainFault(error, folder);
  }
}

/** Stages that a run's report has something new after. */
const SHOWN: ReadonlySet<StageName> = new Set(["teacher", "student", "evaluate"]);

async function runInto(
  folder: string,
  context: StageContext,
  { until, share, out, version }: RunOptions,
): Promise<StagesResult | undefined> {
  mkdirSync(folder, { recursive: true });
  const started = Date.now();
  const resolved = join(folder, "recipe.resolved.yaml");
  writeFileSync(resolved, provenance(context.recipe, version));

  const prepared = await prepareStage(context);
  const recipeText = provenance(context.recipe, version, prepared.files);
  writeFileSync(resolved, recipeText);
  const made = (stage: StageName, key: string) => {
    saveProvenance(join(folder, `${stage}-${key}`), recipeText, started);
    if (SHOWN.has(stage)) writeReport(findRun(context.work, context.recipe.name));
  };
  made("prepare", prepared.key);
  checkDistilledCorpora(context, prepared);
  if (until === "prepare") return undefined;
  goOn(context, "prepare");
  requireValidation(context.recipe, until);
  const teacher = await teacherStage(context, prepared);
  made("teacher", teacher.key);
  if (until === "teacher") return undefined;
  goOn(context, "teacher");
  const distilled = await distillStage(context, prepared, teacher, share);
  if (distilled) made("distill", distilled.key);
  if (until === "distill" || !distilled) return undefined;
  goOn(context, "distill");
  const student = await studentStage(context, prepared, teacher, distilled);
  made("student", student.key);
  if (until === "student") return { student };
  goOn(context, "student");
  const evaluation = await evaluateStage(context, prepared, teacher, student);
  made("evaluate", evaluation.key);
  if (until === "evaluate") return { student, evaluation };
  goOn(context, "evaluate");
  const bundles = await exportStage(context, prepared, teacher, student, evaluation, { version, recipeText, out });
  return { student, evaluation, bundles };
}

/** @throws Interrupted where a signal came while a stage was finishing. */
function goOn(context: StageContext, done: StageName): void {
  if (context.signal?.aborted) throw new Interrupted(`stopped after ${done}; run the same command to go on`);
}

/** @throws RecipeError where something is to be trained, and its checkpoints could be compared on nothing. */
function requireValidation({ corpus, teacher }: Recipe, until: StageName): void {
  const given = teacher.bundle !== undefined || teacher.huggingFace !== undefined;
  const trains = !given || (until !== "teacher" && until !== "distill");
  if (!trains || corpus.valid.length > 0) return;
  throw new RecipeError("corpus.valid names no file: training compares its checkpoints on a validation set");
}
