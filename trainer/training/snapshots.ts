// What a validation keeps: the newest and the best snapshots, the best weights, the best moving average.
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Weights } from "../networks/parameters.ts";
import type { LoopState } from "./checkpoint.ts";
import { readSafetensors, writeSafetensors } from "./safetensors.ts";
import type { StepExecutor } from "./step-executor.ts";

export interface Validation {
  /** What the best checkpoint is chosen by: higher is better. */
  readonly quality: number;
  readonly figures: Record<string, number>;
}

export interface SnapshotSettings {
  readonly folder: string;
  /** Snapshots kept for averaging: the newest ones. */
  readonly keepSnapshots: number;
  /** The best ones that are kept beside them. */
  readonly keepBest: number;
}

const snapshotPath = (folder: string, step: number): string => join(folder, "snapshots", `step-${step}.safetensors`);

/** The best weights of a run, and the best moving average of them. */
export const BEST = "best.safetensors";
export const BEST_MEANS = "best-ema.safetensors";

/**
 * Keeps the weights as a snapshot and validates them, and their moving average where there is one. `state` is changed.
 * @returns the figures, `bleuEma` of the average beside them; undefined without `validate`.
 */
export async function takeSnapshot(
  settings: SnapshotSettings,
  state: LoopState,
  model: StepExecutor,
  validate: ((weights: Weights, step: number) => Promise<Validation>) | undefined,
): Promise<Record<string, number> | undefined> {
  const { folder, keepSnapshots, keepBest } = settings;
  const { step } = state;
  const shapes = new Map(model.specs.map(({ name, shape }) => [name, shape]));
  const weights = await model.weights();
  writeSafetensors(snapshotPath(folder, step), weights, shapes);
  const before = [...state.snapshots, ...state.bestSnapshots.map((kept) => kept.step)];
  state.snapshots = [...state.snapshots.filter((kept) => kept !== step), step].slice(-keepSnapshots);
  const found = await validate?.(weights, step);
  if (found) {
    const all = [...state.bestSnapshots.filter((kept) => kept.step !== step), { step, quality: found.quality }];
    state.bestSnapshots = all.sort((a, b) => b.quality - a.quality).slice(0, keepBest);
  }
  const kept = new Set([...state.snapshots, ...state.bestSnapshots.map((best) => best.step)]);
  for (const gone of before) if (!kept.has(gone)) rmSync(snapshotPath(folder, gone), { force: true });
  if (!validate || !found) return undefined;

  const isBest = (quality: number, best: LoopState["best"]) => best === null || quality > best.quality;
  let gained = isBest(found.quality, state.best);
  if (gained) {
    state.best = { step, quality: found.quality };
    writeSafetensors(join(folder, BEST), weights, shapes);
  }
  const figures = { ...found.figures };
  const means = await model.means();
  if (means) {
    const { quality } = await validate(means, step);
    figures.bleuEma = quality;
    if (isBest(quality, state.bestMeans)) {
      gained = true;
      state.bestMeans = { step, quality };
      writeSafetensors(join(folder, BEST_MEANS), means, shapes);
    }
  }
  state.validationsWithoutGain = gained ? 0 : state.validationsWithoutGain + 1;
  return figures;
}

/** The weights of the snapshots that are still there. */
export function readSnapshots(folder: string, steps: readonly number[]): Weights[] {
  return steps
    .map((step) => snapshotPath(folder, step))
    .filter(existsSync)
    .map((path) => readSafetensors(path).tensors);
}
