// What a run's report shows, gathered from the files that its stages left.
import { join } from "node:path";
import { z } from "zod";
import type { Curve } from "../pages/page.ts";
import { evaluationSchema } from "./compare.ts";
import { presentStages, type Run, readLog, readResolved, readStageJson } from "./runs.ts";

export const sampleSchema = z.object({
  test: z.string(),
  source: z.string(),
  reference: z.string(),
  teacher: z.string(),
  student: z.string(),
});

/** A test sentence with what both models make of it. */
export type Sample = z.infer<typeof sampleSchema>;

/** File of an evaluation's folder. */
export const SAMPLES_FILE = "samples.json";
/** Folder of a student's stage, where it is fine-tuned. */
export const FINE_TUNE_FOLDER = "fine-tune";

const countsSchema = z.object({
  train: z.array(
    z.object({
      name: z.string(),
      read: z.int(),
      pairs: z.int(),
      duplicates: z.int(),
      leaks: z.int(),
      dropped: z.record(z.string(), z.int()),
    }),
  ),
});

export interface TrainingCurves {
  readonly stage: string;
  readonly loss: Curve;
  readonly rate: Curve;
  readonly tokensPerSecond: Curve;
  /** By the name that the log has: bleu, bleuFull, bleuWait1, bleu.fr. */
  readonly validation: Readonly<Record<string, Curve>>;
}

export interface RunReport {
  readonly name: string;
  readonly written: Date;
  readonly pair: string;
  readonly madeWith: string;
  readonly stages: readonly {
    stage: string;
    state: string;
    steps: number | null;
    bestBleu: number | null;
    minutes: number | null;
  }[];
  readonly training: readonly TrainingCurves[];
  readonly evaluation: z.infer<typeof evaluationSchema> | undefined;
  readonly corpora: z.infer<typeof countsSchema>["train"];
  readonly samples: readonly Sample[];
}

const recipeSchema = z.object({
  corpus: z.object({ source: z.string(), target: z.union([z.string(), z.array(z.string())]) }),
  madeWith: z.looseObject({ souffleur: z.string(), node: z.string() }).optional(),
});

/** The present stage of each kind; what is not there yet is empty. */
export function runReport(run: Run, written: Date = new Date()): RunReport {
  const present = presentStages(run);
  const stages = [...present.values()];
  const recipe = recipeSchema.safeParse(readResolved(run.path));
  const { corpus, madeWith } = recipe.success ? recipe.data : {};
  const evaluate = present.get("evaluate")?.path;
  const evaluation = evaluate ? evaluationSchema.safeParse(readStageJson(evaluate, "done.json")) : undefined;
  const samples = evaluate ? z.array(sampleSchema).safeParse(readStageJson(evaluate, SAMPLES_FILE)) : undefined;
  const prepare = present.get("prepare")?.path;
  const counts = prepare ? countsSchema.safeParse(readStageJson(prepare, "corpus/report.json")) : undefined;
  return {
    name: run.name,
    written,
    pair: corpus ? `${corpus.source} to ${[corpus.target].flat().join(", ")}` : "",
    madeWith: madeWith ? `souffleur ${madeWith.souffleur}, node ${madeWith.node}` : "",
    stages: stages.map(({ stage, state, steps, bestBleu, seconds }) => ({
      ...{ stage, state, steps, bestBleu },
      minutes: seconds === null ? null : seconds / 60,
    })),
    training: stages.flatMap(({ stage, path }) => [
      ...curvesOf(stage, path),
      ...curvesOf(`${stage}, fine-tuned`, join(path, FINE_TUNE_FOLDER)),
    ]),
    evaluation: evaluation?.data,
    corpora: counts?.data?.train ?? [],
    samples: samples?.data ?? [],
  };
}

/** None where the folder has no log. */
function curvesOf(stage: string, folder: string): TrainingCurves[] {
  const lines = readLog(folder);
  if (lines.length === 0) return [];
  const steps = lines.filter(({ validation }) => validation === undefined);
  const validations = lines.flatMap(({ step, validation }) => (validation ? [{ step, validation }] : []));
  const names = [...new Set(validations.flatMap(({ validation }) => Object.keys(validation)))];
  const curve = (of: (line: (typeof steps)[number]) => number | null | undefined): Curve => ({
    x: steps.map(({ step }) => step),
    y: steps.map((line) => of(line) ?? null),
  });
  const validation = Object.fromEntries(
    names
      .filter((name) => name.startsWith("bleu"))
      .map((name) => [
        name,
        { x: validations.map(({ step }) => step), y: validations.map(({ validation }) => validation[name] ?? null) },
      ]),
  );
  const loss = curve(({ nll, loss }) => nll ?? loss);
  const rate = curve(({ rate }) => rate);
  return [{ stage, loss, rate, tokensPerSecond: curve(({ tokensPerSecond }) => tokensPerSecond), validation }];
}
