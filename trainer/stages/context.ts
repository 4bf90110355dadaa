// What every stage is given: the recipe, where data and work are, and how to report and be stopped.
import { existsSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import { type ProgressReporter, progressReporter, silentProgress } from "../progress.ts";
import type { Recipe } from "../recipe.ts";
import type { TorchProcessSettings } from "../training/torch-process.ts";

/** PyTorch as what makes the updates; everything else stays where it is. */
export interface TorchExecutor extends TorchProcessSettings {
  /** bf16 computes products in 16 bits; weights and their updates stay float32. */
  readonly precision: "fp32" | "bf16";
  readonly compile: boolean;
}

export interface StageContext {
  readonly recipe: Recipe;
  /** Folder that the recipe's corpus paths are relative to. */
  readonly data: string;
  /** Folder that holds every run's stages: SOUFFLEUR_WORK. */
  readonly work: string;
  /** Folder of the bundles that the package ships: a recipe may name one of them. */
  readonly shipped?: string;
  /** What makes the updates of training; onnxruntime in this process when left out. */
  readonly torch?: TorchExecutor;
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

/**
 * A bundle's or a stage's folder (or a file in one) as a recipe names it: below the data folder or, where nothing is
 * there, below the bundles that the package ships.
 */
export function modelPath(context: StageContext, path: string): string {
  const own = dataPath(context, path);
  if (isAbsolute(path) || existsSync(own) || context.shipped === undefined) return own;
  const shipped = join(context.shipped, path);
  return existsSync(shipped) ? shipped : own;
}
