// What a fault of the machine means for whoever started the run: a full disk, a damaged file, and what to do about it.
import { existsSync, statfsSync } from "node:fs";
import { relative, sep } from "node:path";
import { ShardError } from "../corpus/shard.ts";

/** A run that a fault of disk or files has ended; the message says what is kept and what to do. */
export class StageFault extends Error {
  override name = "StageFault";
}

/** ENOSPC: no space; EDQUOT: the user's share of it is used up. */
const NO_SPACE = new Set(["ENOSPC", "EDQUOT"]);

/**
 * The same error, or a StageFault that explains it.
 * @param folder the recipe's folder in the work folder, which holds the stages'.
 */
export function explainFault(error: unknown, folder: string): unknown {
  if (error instanceof ShardError && error.path !== undefined) {
    const stage = stageFolderOf(error.path, folder);
    const cure = stage ? `Remove ${stage} and run the same command: it is made again` : "Make it again";
    return new StageFault(`${error.message}. ${cure}`, { cause: error });
  }
  if (error instanceof Error && "code" in error && NO_SPACE.has(String(error.code))) {
    const path = "path" in error && typeof error.path === "string" ? error.path : folder;
    return new StageFault(
      `the disk is full: ${path} could not be written (${freeMegabytes(folder)} MB are free). What was saved before is ` +
        "kept: make room and run the same command to go on",
      { cause: error },
    );
  }
  return error;
}

/** The stage's folder that a path lies in, if it lies in one. */
function stageFolderOf(path: string, folder: string): string | undefined {
  const [first, ...rest] = relative(folder, path).split(sep);
  return first && first !== ".." && rest.length > 0 ? `${folder}${sep}${first}` : undefined;
}

function freeMegabytes(folder: string): number {
  if (!existsSync(folder)) return 0;
  const { bavail, bsize } = statfsSync(folder);
  return Math.floor((bavail * bsize) / 1e6);
}
