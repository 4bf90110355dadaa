// What flags of several of the trainer's commands hold, checked as they are parsed.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { InvalidArgumentError } from "commander";
import type { Wait } from "../models/wait.ts";

export function bundleFolder(dir: string): string {
  if (!existsSync(join(dir, "bundle.json"))) throw new InvalidArgumentError(`There is no bundle in ${dir}.`);
  return dir;
}

export function existingFile(path: string): string {
  if (!existsSync(path)) throw new InvalidArgumentError(`There is no file ${path}.`);
  return path;
}

/** `1,3,full`. */
export function parseWaits(text: string): Wait[] {
  return text.split(",").map((item) => {
    const part = item.trim();
    if (part === "full") return "full";
    if (!/^[1-9]\d*$/.test(part))
      throw new InvalidArgumentError(`"${part}" is neither a whole number of tokens nor "full".`);
    return Number(part);
  });
}

export function positiveInteger(text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new InvalidArgumentError("It must be a whole number of 1 or more.");
  return Number(text);
}

/** α of a search's length penalty: 0 compares sums of log-probabilities, more makes longer translations. */
export function lengthPenalty(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value) || value < 0)
    throw new InvalidArgumentError("It must be a number of 0 or more.");
  return value;
}
