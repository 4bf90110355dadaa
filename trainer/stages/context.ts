// What every stage is given: the recipe, where data and work are, and how to report and be stopped.
import { isAbsolute, join } from "node:path";
import { type ProgressReporter, progressReporter, silentProgress } from "../progress.ts";
import type { Recipe } from "../recipe.ts";

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
