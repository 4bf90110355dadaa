// A run's log.jsonl: one line for each report, none of them of a step that a resumed run makes again.
import { appendFileSync, existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { z } from "zod";

const lineSchema = z.looseObject({ step: z.int() });

export class RunLog {
  readonly #path: string;

  /** @param step the run goes on after this step: lines of later ones, which a kill left behind, are taken out. */
  constructor(path: string, step: number) {
    this.#path = path;
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
  }
}

/** Undefined for a line that is none, or that was cut short. */
function stepOf(line: string): number | undefined {
  try {
    return lineSchema.parse(JSON.parse(line)).step;
  } catch {
    return undefined;
  }
}
