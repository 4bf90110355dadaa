// A run's log.jsonl: one line for each report, none of them of a step that a resumed run makes again. TensorBoard's too.
import { appendFileSync, existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { z } from "zod";
import { EventFile } from "./event-file.ts";

const lineSchema = z.looseObject({ step: z.int() });

export class RunLog {
  readonly #path: string;
  readonly #events: EventFile;

  /** @param step the run goes on after this step: lines of later ones, which a kill left behind, are taken out. */
  constructor(path: string, step: number) {
    this.#path = path;
    this.#events = new EventFile(dirname(path), step);
    if (!existsSync(path)) return;
    const text = readFileSync(path, "utf8");
    const kept = text
      .split("\n")
      .filter((line) => (stepOf(line) ?? Number.POSITIVE_INFINITY) <= step)
      .map((line) => `${line}\n`)
      .join("");
    if (kept === text) return;
    writeFileSync(`${path}.partial`, kept);
    renameSync(`${path}.partial`, path);
  }

  write(entry: { readonly step: number } & Readonly<Record<string, unknown>>): void {
    appendFileSync(this.#path, `${JSON.stringify(entry)}\n`);
    const { step, validation, ...training } = entry;
    this.#events.write(step, { ...scalarsOf("train", training), ...scalarsOf("validation", validation) });
  }
}

/** The largest number that a field has in the lines of a run's log; undefined where none has it. */
export function largestLogged(path: string, field: string): number | undefined {
  if (!existsSync(path)) return undefined;
  let largest: number | undefined;
  for (const text of readFileSync(path, "utf8").split("\n")) {
    const value = parsedLine(text)?.[field];
    if (typeof value === "number" && value > (largest ?? Number.NEGATIVE_INFINITY)) largest = value;
  }
  return largest;
}

const stepOf = (line: string): number | undefined => parsedLine(line)?.step;

/** Undefined for a line that is none, or that was cut short. */
function parsedLine(line: string): z.infer<typeof lineSchema> | undefined {
  try {
    return lineSchema.parse(JSON.parse(line));
  } catch {
    return undefined;
  }
}

/** The finite numbers of a record, by group and name. */
function scalarsOf(group: string, fields: unknown): Record<string, number> {
  if (typeof fields !== "object" || fields === null) return {};
  const numbers = Object.entries(fields).filter((field): field is [string, number] => Number.isFinite(field[1]));
  return Object.fromEntries(numbers.map(([name, value]) => [`${group}/${name}`, value]));
}
