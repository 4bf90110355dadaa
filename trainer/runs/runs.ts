// What is under a work folder: runs by the recipe's name, the stages of each, and how far they are.
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import { formatTable, type TableColumn } from "../evaluation/text-table.ts";

/** In the order in which a run makes them. */
const STAGE_ORDER = ["prepare", "teacher", "distill", "student", "evaluate", "export"];
const STAGE_FOLDER = new RegExp(`^(${STAGE_ORDER.join("|")})-([0-9a-f]{12})$`);
/** Whoever works on a stage touches its lock every 20 seconds. */
const SILENT_AFTER_MS = 5 * 60_000;

/** What is asked for is not there; the message says what is. */
export class RunError extends Error {
  override name = "RunError";
  /** Wrong use. */
  readonly exitCode = 2;
}

const logLineSchema = z.object({
  step: z.int(),
  loss: z.number().nullish(),
  nll: z.number().nullish(),
  gradientNorm: z.number().nullish(),
  rate: z.number().nullish(),
  tokensPerSecond: z.number().nullish(),
  seconds: z.number().nullish(),
  validation: z.record(z.string(), z.number().nullable()).optional(),
});

/** A line of log.jsonl. */
export type LogLine = z.infer<typeof logLineSchema>;

export interface RunStage {
  readonly stage: string;
  /** `teacher-0123456789ab`. */
  readonly id: string;
  readonly path: string;
  readonly state: "done" | "running" | "stopped";
  readonly changed: Date;
  /** Of a training: updates so far, the best BLEU of its validations, hours of training. Null for other stages. */
  readonly steps: number | null;
  readonly bestBleu: number | null;
  readonly seconds: number | null;
}

export interface Run {
  readonly name: string;
  readonly path: string;
  /** Oldest first within a stage, so that the last of a kind is the present one. */
  readonly stages: readonly RunStage[];
}

/** All runs under the work folder, by name. */
export function readRuns(work: string): Run[] {
  if (!existsSync(work)) return [];
  const folders = readdirSync(work, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const runs = folders.map(({ name }) => ({ name, path: join(work, name), stages: readStages(join(work, name)) }));
  return runs
    .filter(({ path, stages }) => stages.length > 0 || existsSync(join(path, RESOLVED)))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

const RESOLVED = "recipe.resolved.yaml";

function readStages(run: string): RunStage[] {
  const stages = readdirSync(run).flatMap((id): RunStage[] => {
    const stage = STAGE_FOLDER.exec(id)?.[1];
    return stage === undefined ? [] : [readStage(join(run, id), stage, id)];
  });
  const place = ({ stage }: RunStage) => STAGE_ORDER.indexOf(stage);
  return stages.sort((a, b) => place(a) - place(b) || a.changed.getTime() - b.changed.getTime());
}

function readStage(path: string, stage: string, id: string): RunStage {
  const done = join(path, "done.json");
  const log = join(path, "log.jsonl");
  const lock = join(path, "lock.json");
  const marks = [done, log, lock, path].filter((one) => existsSync(one));
  const changed = existsSync(done) ? statSync(done).mtime : newest(marks);
  const held = existsSync(lock) && Date.now() - statSync(lock).mtimeMs < SILENT_AFTER_MS;
  const state = existsSync(done) ? "done" : held ? "running" : "stopped";
  const lines = readLog(path);
  const validations = lines.flatMap(({ validation }) => validation?.bleu ?? []);
  return {
    ...{ stage, id, path, state, changed },
    steps: lines.at(-1)?.step ?? null,
    bestBleu: validations.length === 0 ? null : Math.max(...validations),
    seconds: lines.findLast(({ seconds }) => seconds != null)?.seconds ?? null,
  };
}

const newest = (paths: readonly string[]): Date => new Date(Math.max(...paths.map((path) => statSync(path).mtimeMs)));

/** The lines of a stage's log; one that a kill cut short is left out. Empty where there is none. */
export function readLog(folder: string): LogLine[] {
  const path = join(folder, "log.jsonl");
  if (!existsSync(path)) return [];
  return readFileSync(path, "utf8")
    .split("\n")
    .flatMap((line) => {
      const parsed = logLineSchema.safeParse(jsonOrNothing(line));
      return parsed.success ? [parsed.data] : [];
    });
}

/** A JSON file of a stage; undefined where there is none. */
export function readStageJson(folder: string, name: string): unknown {
  const path = join(folder, name);
  return existsSync(path) ? jsonOrNothing(readFileSync(path, "utf8")) : undefined;
}

function jsonOrNothing(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The present one of each stage. */
export function presentStages(run: Run): Map<string, RunStage> {
  return new Map(run.stages.map((stage) => [stage.stage, stage]));
}

/** The resolved recipe of a run's last start, or of one of its stages, as plain data. */
export function readResolved(folder: string): unknown {
  const path = ["recipe.yaml", RESOLVED].map((name) => join(folder, name)).find((one) => existsSync(one));
  return path === undefined ? undefined : parse(readFileSync(path, "utf8"));
}

/** @throws RunError naming the runs that there are. */
export function findRun(work: string, name: string): Run {
  const runs = readRuns(work);
  const found = runs.find((run) => run.name === name);
  if (found) return found;
  const names = runs.length === 0 ? "there is none" : `there are ${runs.map((run) => run.name).join(", ")}`;
  throw new RunError(`${work} has no run ${name}: ${names}`);
}

const COLUMNS: readonly TableColumn<RunStage & { run: string }>[] = [
  { header: "run", value: ({ run }) => run },
  { header: "stage", value: ({ id }) => id },
  { header: "state", value: ({ state }) => state },
  { header: "steps", value: ({ steps }) => steps },
  { header: "best BLEU", value: ({ bestBleu }) => bestBleu, digits: 2 },
  { header: "minutes", value: ({ seconds }) => (seconds === null ? null : seconds / 60), digits: 1 },
  { header: "changed", value: ({ changed }) => changed.toISOString().slice(0, 16).replace("T", " ") },
];

/** One line a stage; BLEU is of the validation sentences, minutes are of training. */
export function formatRuns(runs: readonly Run[]): string {
  return formatTable(
    COLUMNS,
    runs.flatMap(({ name, stages }) => stages.map((stage) => ({ run: name, ...stage }))),
  );
}
