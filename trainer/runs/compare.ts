// Two runs beside each other: where their recipes differ, and what came of it.
import { z } from "zod";
import { formatTable } from "../evaluation/text-table.ts";
import { findRun, presentStages, type Run, RunError, type RunStage, readResolved, readStageJson } from "./runs.ts";

export interface ComparedValue {
  readonly name: string;
  readonly a: string | number | null;
  readonly b: string | number | null;
}

export interface Comparison {
  readonly a: string;
  readonly b: string;
  /** Fields of the resolved recipes that are not the same. */
  readonly recipe: ComparedValue[];
  /** Steps, times and scores. */
  readonly figures: ComparedValue[];
}

/** What `evaluate` leaves, as far as it is shown. */
export const evaluationSchema = z.object({
  teacher: z.array(z.object({ test: z.string(), bleu: z.number(), chrf: z.number() })),
  student: z.array(
    z.object({
      test: z.string(),
      rows: z.array(
        z.object({
          wait: z.union([z.number(), z.literal("full")]),
          bleu: z.number(),
          chrf: z.number(),
          averageLagging: z.number().nullable(),
        }),
      ),
    }),
  ),
});

/**
 * @param names of runs, or of one stage of a run: `en-de`, `en-de/teacher-0123456789ab`.
 * @throws RunError for a run or stage that is not there.
 */
export function compareRuns(work: string, [a, b]: readonly [string, string]): Comparison {
  const [left, right] = [sideOf(work, a), sideOf(work, b)];
  return { a, b, recipe: differing(left.recipe, right.recipe), figures: beside(left.figures, right.figures) };
}

interface Side {
  readonly recipe: Map<string, string | number>;
  readonly figures: Map<string, string | number>;
}

function sideOf(work: string, name: string): Side {
  const [runName, id] = name.split("/");
  const run = findRun(work, runName);
  const stage = id === undefined ? undefined : stageOf(run, id);
  const stages = stage ? [stage] : [...presentStages(run).values()];
  const recipe = new Map<string, string | number>();
  flatten(readResolved(stage?.path ?? run.path) ?? readResolved(run.path), "", recipe);
  return { recipe, figures: new Map(stages.flatMap((one) => [...figuresOf(one)])) };
}

function stageOf(run: Run, id: string): RunStage {
  const found = run.stages.find((stage) => stage.id === id);
  if (found) return found;
  throw new RunError(`${run.name} has no stage ${id}: it has ${run.stages.map((stage) => stage.id).join(", ")}`);
}

/** Every value of a recipe by its path; what ran it is not what it says. */
function flatten(value: unknown, path: string, into: Map<string, string | number>): void {
  if (typeof value === "object" && value !== null) {
    for (const [key, inner] of Object.entries(value)) {
      if (path === "" && key === "madeWith") continue;
      flatten(inner, path === "" ? key : `${path}.${key}`, into);
    }
  } else if (value !== undefined) into.set(path, typeof value === "number" ? value : String(value));
}

function* figuresOf({ stage, path, steps, bestBleu, seconds }: RunStage): Generator<[string, string | number]> {
  if (steps !== null) yield [`${stage}: steps`, steps];
  if (seconds !== null) yield [`${stage}: minutes`, seconds / 60];
  if (bestBleu !== null) yield [`${stage}: best valid BLEU`, bestBleu];
  const evaluation = evaluationSchema.safeParse(readStageJson(path, "done.json"));
  if (stage !== "evaluate" || !evaluation.success) return;
  for (const { test, bleu } of evaluation.data.teacher) yield [`${test}: teacher BLEU`, bleu];
  for (const { test, rows } of evaluation.data.student) {
    for (const { wait, bleu, averageLagging } of rows) {
      yield [`${test}: wait ${wait}, BLEU`, bleu];
      if (averageLagging !== null) yield [`${test}: wait ${wait}, AL`, averageLagging];
    }
  }
}

const beside = (a: Side["figures"], b: Side["figures"]): ComparedValue[] =>
  [...new Set([...a.keys(), ...b.keys()])].map((name) => ({ name, a: a.get(name) ?? null, b: b.get(name) ?? null }));

const differing = (a: Side["recipe"], b: Side["recipe"]): ComparedValue[] =>
  beside(a, b).filter((field) => field.a !== field.b);

/** Both tables as text. */
export function formatComparison({ a, b, recipe, figures }: Comparison): string {
  const table = (header: string, rows: readonly ComparedValue[], digits: number, difference: boolean) =>
    formatTable<ComparedValue>(
      [
        { header, value: ({ name }) => name },
        { header: a, value: (row) => row.a, digits },
        { header: b, value: (row) => row.b, digits },
        ...(difference ? [{ header: "difference", value: gain, digits }] : []),
      ],
      rows,
    );
  const fields = recipe.map((row) => ({ ...row, a: asText(row.a), b: asText(row.b) }));
  const first = fields.length === 0 ? "the recipes are the same" : table("recipe", fields, 0, false);
  return figures.length === 0 ? first : `${first}\n\n${table("figure", figures, 2, true)}`;
}

const asText = (value: string | number | null): string | null => (value === null ? null : String(value));

const gain = ({ a, b }: ComparedValue): number | null =>
  typeof a === "number" && typeof b === "number" ? b - a : null;
