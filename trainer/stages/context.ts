// What every stage is given: the recipe, where data and work are, and how to report and be stopped.
import { existsSync, readFileSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import { z } from "zod";
import type { Weights } from "../networks/parameters.ts";
import { type ProgressReporter, progressReporter, silentProgress } from "../progress.ts";
import type { Recipe } from "../recipe.ts";
import { readSafetensors } from "../training/safetensors.ts";

export interface StageContext {
  readonly recipe: Recipe;
  /** Folder that the recipe's corpus paths are relative to. */
  readonly data: string;
  /** Folder that holds every run's stages: SOUFFLEUR_WORK. */
  readonly work: string;
  readonly quiet: boolean;
  readonly signal?: AbortSignal;
  /** A line for the person who waits. */
  readonly say: (text: string) => void;
}

export function stageProgress(context: StageContext, title: string, total: number, unit: string): ProgressReporter {
  return context.quiet ? silentProgress : progressReporter(title, total, unit);
}

export const dataPath = (context: StageContext, path: string): string =>
  isAbsolute(path) ? path : join(context.data, path);

/** The parameters of a bundle or checkpoint folder that `init` names. */
export function readInitialWeights(context: StageContext, path: string): Weights {
  const folder = dataPath(context, path);
  const file = ["weights.safetensors", "best.safetensors"].map((name) => join(folder, name)).find(existsSync);
  if (!file) throw new Error(`init: ${folder} holds neither weights.safetensors nor best.safetensors`);
  return readSafetensors(file).tensors;
}

/** Version of this package, from its package.json. */
export function packageVersion(root: string): string {
  return z.object({ version: z.string() }).parse(JSON.parse(readFileSync(join(root, "package.json"), "utf8"))).version;
}
