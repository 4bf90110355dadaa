// What the teacher's and the student's stages share: settings of the loop, the data's place, the averaged result.
import { copyFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ParameterSpec, Weights } from "../networks/parameters.ts";
import type { TrainingSettings } from "../recipe.ts";
import type { LoopState } from "../training/checkpoint.ts";
import { averageWeights } from "../training/checkpoint.ts";
import { type LoopSettings, readSnapshots } from "../training/loop.ts";
import type { AdamSettings } from "../training/optimizer.ts";
import { readSafetensors, writeSafetensors } from "../training/safetensors.ts";

export const adamSettings = ({ beta1, beta2, epsilon, clipNorm }: TrainingSettings): AdamSettings => ({
  beta1,
  beta2,
  epsilon,
  clipNorm,
});

export function loopSettings(folder: string, training: TrainingSettings): LoopSettings {
  const { steps, peakRate, warmUpSteps, decay, averageSnapshots } = training;
  return {
    folder,
    totalSteps: steps,
    schedule: { peak: peakRate, warmUpSteps, decay, totalSteps: steps },
    checkpointSeconds: training.checkpointSeconds,
    logEverySteps: training.logEverySteps,
    validateEverySteps: training.validateEverySteps,
    patience: training.patience,
    keepSnapshots: averageSnapshots,
  };
}

export interface TrainedModel {
  readonly weights: Weights;
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  readonly steps: number;
  readonly quality: number | null;
}

export const RESULT = "weights.safetensors";

/** Where a model came from, and how good the candidates were on the validation sentences. */
interface Candidate {
  readonly name: string;
  readonly weights: Weights;
}

/**
 * Chooses the result among the best checkpoint and the average of the newest ones, by the same validation that chose the
 * best, and writes it to `weights.safetensors`, with `config.json` and the tokenizer beside it.
 */
export async function chooseResult(
  folder: string,
  state: LoopState,
  specs: readonly ParameterSpec[],
  validate: (weights: Weights) => Promise<number>,
  beside: { readonly architecture: unknown; readonly tokenizer: string },
): Promise<{ chosen: string; qualities: Record<string, number>; weights: Weights }> {
  const snapshots = readSnapshots(folder, state.snapshots);
  const candidates: Candidate[] = [{ name: `average of ${snapshots.length}`, weights: averageWeights(snapshots) }];
  if (state.best)
    candidates.push({
      name: `step ${state.best.step}`,
      weights: readSafetensors(join(folder, "best.safetensors")).tensors,
    });
  const qualities: Record<string, number> = {};
  for (const { name, weights } of candidates) qualities[name] = await validate(weights);
  candidates.sort((a, b) => qualities[b.name]! - qualities[a.name]!);
  const best = candidates[0]!;
  writeSafetensors(join(folder, RESULT), best.weights, new Map(specs.map(({ name, shape }) => [name, shape])));
  writeFileSync(join(folder, "config.json"), `${JSON.stringify(beside.architecture, null, 2)}\n`);
  copyFileSync(beside.tokenizer, join(folder, "tokenizer.json"));
  return { chosen: best.name, qualities, weights: best.weights };
}
