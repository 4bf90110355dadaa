// A stage's folder: named by a hash of everything that went into the stage, and marked when the stage is done.
import { createHash } from "node:crypto";
import { createReadStream, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { withStageLock } from "./stage-lock.ts";

export const STAGES = ["prepare", "teacher", "distill", "student", "evaluate", "export"] as const;
export type StageName = (typeof STAGES)[number];

/** SHA-256 of a value's JSON with sorted keys, so that the order of a recipe's lines does not matter. */
export function hashOf(value: unknown): string {
  return createHash("sha256").update(JSON.stringify(value, sortKeys)).digest("hex").slice(0, 12);
}

function sortKeys(_: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** SHA-256 of a file's bytes. */
export async function hashOfFile(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  return hash.digest("hex");
}

const MARK = "done.json";

export class StageFolder {
  readonly path: string;
  readonly key: string;

  constructor(work: string, recipe: string, stage: StageName, input: unknown) {
    this.key = hashOf({ stage, input });
    this.path = join(work, recipe, `${stage}-${this.key}`);
  }

  /** What the stage left when it was done, else undefined. */
  get result(): unknown {
    const mark = join(this.path, MARK);
    return existsSync(mark) ? JSON.parse(readFileSync(mark, "utf8")) : undefined;
  }

  open(): string {
    mkdirSync(this.path, { recursive: true });
    return this.path;
  }

  /**
   * Does the stage's work where it is not done, alone in its folder; what `work` returns is kept as the result.
   * @throws StageLocked when another run is at it.
   */
  async make(work: (path: string) => Promise<unknown>): Promise<void> {
    if (this.result !== undefined) return;
    await withStageLock(this.open(), async () => {
      if (this.result === undefined) this.finish(await work(this.path));
    });
  }

  finish(result: unknown): void {
    const mark = join(this.path, MARK);
    writeFileSync(`${mark}.partial`, `${JSON.stringify(result, null, 2)}\n`);
    renameSync(`${mark}.partial`, mark);
  }
}
