// A lock file, so that two runs never write one stage's folder.
import { readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { z } from "zod";

const ownerSchema = z.object({
  pid: z.int().positive(),
  host: z.string(),
  /** When the process started, as Linux counts it: a later process may have the same id. Null elsewhere. */
  started: z.string().nullable(),
});

type Owner = z.infer<typeof ownerSchema>;

/** The holder touches the file so often; a machine that was lost does not. */
const TOUCH_EVERY_MS = 20_000;
const LOST_AFTER_MS = 5 * 60_000;
/** A lock without its holder's name may be one that is just being written. */
const WRITTEN_AFTER_MS = 5_000;

/** A stage's folder is being written by another run. */
export class StageLocked extends Error {
  override name = "StageLocked";
}

/** Holds `<folder>/lock.json` until `release`. */
export class StageLock {
  readonly #path: string;
  readonly #touching: NodeJS.Timeout;

  private constructor(path: string) {
    this.#path = path;
    this.#touching = setInterval(() => touch(path), TOUCH_EVERY_MS);
    this.#touching.unref();
  }

  /**
   * Takes the lock, also from a process that is dead or a machine that has been silent for five minutes.
   * @throws StageLocked with the holder's process id.
   */
  static take(folder: string): StageLock {
    const path = join(folder, "lock.json");
    const me: Owner = { pid: process.pid, host: hostname(), started: startOf(process.pid) };
    // Twice: once it may be a dead run's, which is removed. Whoever is quicker after that has it.
    for (const last of [false, true]) {
      try {
        writeFileSync(path, `${JSON.stringify(me)}\n`, { flag: "wx" });
        return new StageLock(path);
      } catch (error) {
        if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
      }
      const owner = ownerOf(path);
      if (last || isAlive(owner, path)) {
        const who = owner ? `process ${owner.pid}${owner.host === me.host ? "" : ` on ${owner.host}`}` : "another run";
        throw new StageLocked(`${folder} is being written by ${who}: wait for it, or stop it first`);
      }
      rmSync(path, { force: true });
    }
    throw new StageLocked(`${folder} is being written by another run`);
  }

  release(): void {
    clearInterval(this.#touching);
    rmSync(this.#path, { force: true });
  }
}

/** Runs `work` while holding the folder's lock. */
export async function withStageLock<T>(folder: string, work: () => Promise<T>): Promise<T> {
  const lock = StageLock.take(folder);
  try {
    return await work();
  } finally {
    lock.release();
  }
}

function touch(path: string): void {
  try {
    utimesSync(path, new Date(), new Date());
  } catch {
    // The folder is gone: the run will find that out itself.
  }
}

/** Undefined for a file that is gone, or that was cut short by a kill. */
function ownerOf(path: string): Owner | undefined {
  try {
    return ownerSchema.parse(JSON.parse(readFileSync(path, "utf8")));
  } catch {
    return undefined;
  }
}

function isAlive(owner: Owner | undefined, path: string): boolean {
  const untouched = Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0);
  if (!owner) return untouched < WRITTEN_AFTER_MS;
  if (owner.host !== hostname()) return untouched < LOST_AFTER_MS;
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM"; // another user's
  }
  return owner.started === null || owner.started === startOf(owner.pid);
}

/** Field 22 of /proc/<pid>/stat: clock ticks between boot and start. The name before it may hold spaces. */
function startOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? null;
  } catch {
    return null;
  }
}
