// The trainer's commands: train, prepare, teacher, distill, student, export, evaluate.
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { type Command, InvalidArgumentError, Option } from "commander";
import type { Wait } from "../models/wait.ts";
import { registerAblate } from "./ablation/command.ts";
import { registerCurve } from "./curves/command.ts";
import { evaluateBundle } from "./evaluation/evaluate-bundle.ts";
import { evaluationReportJson, formatEvaluationReport } from "./evaluation/report.ts";
import { addExecutorOptions, type ExecutorFlags, torchExecutor } from "./executor-options.ts";
import { exportBundleStep, renewBundleStep } from "./export/export-step.ts";
import { bundleFolder, existingFile, lengthPenalty, parseWaits, positiveInteger } from "./flag-values.ts";
import { registerJoin } from "./join-command.ts";
import { registerNoiseCommand } from "./noise-command.ts";
import { loadRecipe } from "./recipe.ts";
import { recipeFile, registerRecipeCommand } from "./recipe-command.ts";
import { type ContextOf, type PlaceFlags, withContext } from "./run-context.ts";
import { registerRunsCommand } from "./runs-command.ts";
import type { WorkShare } from "./stages/distill-stage.ts";
import { STAGES, type StageName } from "./stages/stage-folder.ts";
import { runStages } from "./stages.ts";

export interface TrainerEnvironment {
  /** The package's folder: its recipes are found by name. */
  readonly root: string;
  readonly version: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

interface StageFlags extends PlaceFlags, ExecutorFlags {
  until: StageName;
  shard?: WorkShare;
  out?: string;
}

interface EvaluateFlags {
  bundle: string;
  test: string;
  target?: string;
  wait: Wait[];
  limit?: number;
  beam: number;
  lengthPenalty: number;
  threads: number;
  noise?: boolean;
  copy?: string;
  glossary?: string;
  formality?: string;
  placeholders?: boolean;
  diagnose?: boolean;
  json?: boolean;
}

/** Adds the trainer's commands to the program. */
export function registerTrainerCommands(program: Command, environment: TrainerEnvironment): void {
  stageCommand(program, environment, "train", "make a model: run every step of a recipe, or go on where it was stopped")
    .addOption(new Option("--until <stage>", "the last stage to run").choices(STAGES).default("export"))
    .option("--out <dir>", "folder that gets the bundles <name> and <name>-teacher")
    .option("--shard <i/n>", "translate only part i of n in `distill`, for several machines or processes", parseShare)
    .addHelpText("after", TRAIN_HELP);
  stageCommand(program, environment, "prepare", "clean the corpora, learn the vocabulary, write the shards", "prepare");
  stageCommand(
    program,
    environment,
    "teacher",
    "train the autoregressive teacher, or go on where it was stopped",
    "teacher",
  );
  stageCommand(program, environment, "distill", "translate the training sources with the teacher", "distill").option(
    "--shard <i/n>",
    "translate only part i of n, for several machines or processes",
    parseShare,
  );
  stageCommand(program, environment, "student", "train the student on the teacher's translations", "student");
  registerJoin(program, environment);
  registerAblate(program, environment);
  addExport(program, environment);
  addEvaluate(program);
  registerCurve(program);
  registerNoiseCommand(program);
  registerRecipeCommand(program, environment);
  registerRunsCommand(program, environment);
}

const TRAIN_HELP = `
A recipe is a YAML file, or the name of one of the package's own, such as tiny or en-de.
Every stage is kept under the work folder by a hash of what went into it, and skipped when it is there.
Ctrl-C or SIGTERM saves the state (exit code 130); the same command goes on from there.

Examples:
  souffleur train tiny --out /tmp/models
  souffleur train en-de --data ../shared/data --until teacher
  souffleur distill en-de --data ../shared/data --shard 1/2 & souffleur distill en-de --data ../shared/data --shard 2/2`;

function stageCommand(
  program: Command,
  environment: TrainerEnvironment,
  name: string,
  description: string,
  until?: StageName,
): Command {
  const command = program
    .command(name)
    .description(description)
    .argument("<recipe>", "a recipe file, or the name of one that the package holds")
    .option("--data <dir>", "folder that the recipe's corpus paths are relative to (SOUFFLEUR_DATA)")
    .option("--work <dir>", "folder for shards, checkpoints and results (SOUFFLEUR_WORK, ~/.cache/souffleur)")
    .option("--quiet", "no progress")
    .action(async (recipe: string, flags: StageFlags) => {
      await run(environment, recipe, { ...flags, until: until ?? flags.until });
    });
  return name === "prepare" ? command : addExecutorOptions(command); // it comes before any training
}

async function run(environment: TrainerEnvironment, name: string, flags: StageFlags): Promise<void> {
  const { root, version } = environment;
  const path = recipeFile(root, name);
  const recipe = loadRecipe(path);
  const { until, shard, out } = flags;
  const work = async (contextOf: ContextOf) => {
    const made = await runStages(contextOf(recipe), { until, share: shard, out: out && resolve(out), version });
    if (made?.bundles)
      process.stdout.write(`${[made.bundles.student, made.bundles.teacher ?? []].flat().join("\n")}\n`);
  };
  await withContext(path, flags, environment, work, await torchExecutor(flags, environment.env));
}

interface ExportStepFlags {
  bundle: string;
  precision?: "fp32" | "int8";
  out?: string;
  inPlace?: boolean;
}

function addExport(program: Command, environment: TrainerEnvironment): void {
  stageCommand(
    program,
    environment,
    "export",
    "write a recipe's bundles; training runs first where it is not done",
    "export",
  ).option("--out <dir>", "folder that gets the bundles <name> and <name>-teacher");
  program
    .command("export-step")
    .description("write the step graph of a bundle's weights again, in another precision or for this version")
    .requiredOption("--bundle <dir>", "a student's bundle", bundleFolder)
    .addOption(
      new Option("--precision <precision>", "fp32 (default; with --in-place: as it is) or int8").choices([
        "fp32",
        "int8",
      ]),
    )
    .option("--out <file>", "the ONNX file to write")
    .option("--in-place", "write the bundle's own step.onnx and bundle.json anew: for a bundle of an earlier version")
    .action(async ({ bundle, precision, out, inPlace }: ExportStepFlags, command: Command) => {
      if ((out !== undefined) === (inPlace === true)) {
        command.error("error: export-step takes either --out FILE or --in-place", { exitCode: 2 });
      }
      if (out !== undefined) {
        mkdirSync(dirname(resolve(out)), { recursive: true });
        writeFileSync(out, await exportBundleStep(bundle, precision ?? "fp32"));
      } else await renewBundleStep(bundle, precision);
      process.stdout.write(`${out ?? join(bundle, "step.onnx")}\n`);
    });
}

function addEvaluate(program: Command): void {
  program
    .command("evaluate")
    .description("measure a bundle on a test set: BLEU, chrF and latency for each lag")
    .requiredOption("--bundle <dir>", "a student's bundle, or a teacher's (beam search, no lag)", bundleFolder)
    .requiredOption("--test <file>", "source<TAB>reference[<TAB>reference…], UTF-8", existingFile)
    .option("--wait <list>", 'tokens behind, separated by commas; "full" is the whole sentence', parseWaits, [
      1,
      3,
      5,
      "full",
    ])
    .option("--target <language>", "the language to write, where the bundle has several")
    .option("--limit <n>", "only the first n sentences", positiveInteger)
    .option("--beam <n>", "hypotheses of the teacher's search", positiveInteger, 4)
    .option("--length-penalty <α>", "of the teacher's search: more makes longer translations", lengthPenalty, 1)
    .option("--threads <n>", "threads of onnxruntime", positiveInteger, 1)
    .option("--noise", "also with noise in the sources, the same at every call: noisy figures beside the clean ones")
    .option(
      "--copy <file>",
      "a student's share of numbers, names, codes and addresses that survive: source<TAB>reference<TAB>value[ | value…]",
      existingFile,
    )
    .option(
      "--glossary <file>",
      "the share of a glossary's terms that appear, and BLEU, with it and without: source<TAB>reference<TAB>term=translation[ | …]",
      existingFile,
    )
    .option(
      "--formality <file>",
      "the share of translations in the form of address asked for: source<TAB>formal<TAB>informal reference",
      existingFile,
    )
    .option("--no-placeholders", "translate numbers, names, codes and addresses as text, whatever the bundle knows")
    .option("--diagnose", "look into a CTC student's slots: length, repeats, blanks, accuracy")
    .option("--json", "the report as JSON")
    .addHelpText("after", "\nExample:\n  souffleur evaluate --bundle models/en-de --test test.tsv --wait 1,3,5,full")
    .action(async (flags: EvaluateFlags) => {
      const report = await evaluateBundle(flags);
      process.stdout.write(`${flags.json ? evaluationReportJson(report) : formatEvaluationReport(report)}\n`);
    });
}

function parseShare(text: string): WorkShare {
  const match = /^(\d+)\/(\d+)$/.exec(text);
  const [index, count] = [Number(match?.[1]), Number(match?.[2])];
  if (!match || index < 1 || index > count)
    throw new InvalidArgumentError("It must be like 1/2: this part, of how many.");
  return { index, count };
}
