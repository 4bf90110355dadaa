// How a stage trains a network, whatever its kind: one loop, the same files, the better of the best and the averaged weights.
import { copyFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as ort from "onnxruntime-node";
import { z } from "zod";
import { type Batch, BatchStream } from "../corpus/batches.ts";
import type { TrainPart } from "../corpus/epoch-plan.ts";
import type { NoiseSettings } from "../corpus/noise/noise-settings.ts";
import { withNoise } from "../corpus/noise/noisy-parts.ts";
import type { ParameterSpec, ShapedWeights, Weights } from "../networks/parameters.ts";
import type { Architecture } from "../networks/transformer.ts";
import type { TrainingSettings } from "../recipe.ts";
import { SubwordDropout } from "../tokenizer/subword-dropout.ts";
import type { LoopState } from "../training/checkpoint.ts";
import { averageWeights } from "../training/checkpoint.ts";
import { type LoopSettings, type PreparedBatch, runLoop } from "../training/loop.ts";
import type { AdamSettings } from "../training/optimizer.ts";
import { largestLogged } from "../training/run-log.ts";
import { readSafetensors, writeSafetensors } from "../training/safetensors.ts";
import { BEST, BEST_MEANS, readSnapshots, type Validation } from "../training/snapshots.ts";
import { TorchStep } from "../training/torch-step.ts";
import { type StepExecutor, type TrainingGraph, TrainingStep } from "../training/training-step.ts";
import { type StageContext, stageProgress } from "./context.ts";
import { type InitialWeights, startingWeights } from "./initial-weights.ts";
import type { PreparedStage } from "./prepare-stage.ts";

/** What one kind of network brings to its training. */
export interface Trainee {
  /** The training graph, a new one at each call: gradients and optimizer are added to it. */
  graph(): TrainingGraph;
  /**
   * A batch as the graph's feeds. What it draws is a function of the recipe's seed and of `number`, so that a resumed run
   * draws the same.
   * @param number which batch of the training it is, from 1: the step where an update has one batch.
   */
  feeds(batch: Batch, step: number, model: StepExecutor, number: number): Promise<PreparedBatch>;
  validate(weights: Weights): Promise<Validation>;
  /** How `validate` translates, for the line that says what was chosen: "greedy", "at wait 3". */
  readonly validated: string;
  /** For CTC: leaves out and counts pairs whose target has no path through this many slots a source token. */
  readonly slotsPerToken?: number;
  /** Gives back what it holds beside the training step. */
  dispose?(): Promise<void>;
}

/** What a training is made of, for every kind of network. */
export interface TrainingRun {
  readonly role: "teacher" | "student";
  readonly architecture: Architecture;
  readonly training: TrainingSettings;
  readonly parts: readonly TrainPart[];
  /** The weights that `init` names. */
  readonly named: InitialWeights | undefined;
  /** Weights to start from where `init` names none. */
  readonly otherwise?: { readonly weights: ShapedWeights; readonly from: string };
}

/** What a training leaves in its stage's `done.json`. */
export const trainingResultSchema = z.object({
  /** Which weights are the result, and what each candidate reached on the validation sentences. */
  chosen: z.string(),
  qualities: z.record(z.string(), z.number()),
  steps: z.number(),
  /** Of training, pauses and validations left out. */
  seconds: z.number(),
  targetTokens: z.number(),
  /** The most memory that the process of the updates held; stages of before it was kept have none. */
  peakMegabytes: z.number().optional(),
});

export type TrainingResult = Readonly<z.infer<typeof trainingResultSchema>>;

/** Settings that came later than stages whose key has none of them: at these values they leave no trace in it. */
const UNKEYED_DEFAULTS: Partial<TrainingSettings> = {
  ...{ ema: 0, averageBest: 0, accumulate: 1, bpeDropout: { source: 0, target: 0 } },
};

/** The settings that decide what comes out: how often a run is saved and reported changes no weight. */
export function keyedSettings({ checkpointSeconds: _, logEverySteps: __, ...settings }: TrainingSettings) {
  const defaults: Readonly<Record<string, unknown>> = UNKEYED_DEFAULTS;
  const isDefault = ([name, value]: [string, unknown]) => JSON.stringify(defaults[name]) === JSON.stringify(value);
  return Object.fromEntries(Object.entries(settings).filter((entry) => !isDefault(entry)));
}

/** For the stage's key: noise that is off leaves no trace. */
export function keyedNoise(noise: NoiseSettings): { readonly noise?: NoiseSettings } {
  return noise.share > 0 ? { noise } : {};
}

/**
 * Trains a network in the stage's folder, or goes on there, and writes its result.
 * @throws Interrupted, Diverged as `runLoop` does; RecipeError where named weights do not fit.
 */
export async function trainNetwork(
  context: StageContext,
  prepared: PreparedStage,
  path: string,
  run: TrainingRun,
  trainee: Trainee,
): Promise<TrainingResult> {
  const { role, training, architecture } = run;
  const { seed } = context.recipe.corpus;
  const { threads } = context.recipe;
  const { specs } = trainee.graph().parameters;
  const { tokenizer, index } = prepared.corpus;
  const { maximumTokens } = training;
  const sources = { seed, language: index.source, tokenizer, maximumTokens };
  const parts = withNoise(run.parts, context.recipe[role].noise, sources);
  try {
    const state = await runLoop(loopSettings(path, training), {
      specs,
      initial: () => startingWeights(context, role, specs, run.named, run.otherwise),
      makeStep: async (start) => {
        const { dropout, accumulate, ema } = training;
        const settings = { ort, adam: adamSettings(training), dropout, seed, threads, accumulate, ema };
        if (!context.torch) return TrainingStep.create(trainee.graph(), start, settings);
        const step = await TorchStep.create(trainee.graph(), start, { ...settings, ...context.torch });
        context.say(`${role}: ${step.description}`);
        return step;
      },
      openBatches: (place) => {
        const { batchTokens } = training;
        const { slotsPerToken } = trainee;
        const { source, target } = training.bpeDropout;
        const bpeDropout =
          source + target > 0 ? { source, target, subwords: new SubwordDropout(tokenizer) } : undefined;
        const options = { seed, paddedTokens: batchTokens, maximumTokens, multiple: 1, slotsPerToken, bpeDropout };
        const stream = new BatchStream(parts, options, place);
        return {
          get state() {
            return stream.state;
          },
          next: (step, model, number) => trainee.feeds(stream.next(), step, model, number),
        };
      },
      validate: (weights) => trainee.validate(weights),
      progress: stageProgress(context, role, training.steps, "steps"),
      signal: context.signal,
    });
    const quality = async (weights: Weights) => (await trainee.validate(weights)).quality;
    const beside = { architecture, tokenizer: prepared.corpus.tokenizerPath };
    const { chosen, qualities } = await chooseResult(path, state, specs, quality, beside);
    const peakMegabytes = largestLogged(join(path, "log.jsonl"), "peakMegabytes");
    const held = peakMegabytes === undefined ? "" : `; at most ${peakMegabytes} MB of memory`;
    context.say(`${role}: ${chosen}, valid BLEU ${qualities[chosen]?.toFixed(2)} (${trainee.validated})${held}`);
    const { step: steps, seconds, targetTokens } = state;
    return { chosen, qualities, steps, seconds, targetTokens, ...(peakMegabytes !== undefined && { peakMegabytes }) };
  } finally {
    await trainee.dispose?.();
  }
}

const adamSettings = ({ beta1, beta2, epsilon, clipNorm }: TrainingSettings): AdamSettings => ({
  beta1,
  beta2,
  epsilon,
  clipNorm,
});

function loopSettings(folder: string, training: TrainingSettings): LoopSettings {
  const { steps, peakRate, warmUpSteps, decay, averageSnapshots, averageBest, accumulate } = training;
  return {
    folder,
    totalSteps: steps,
    schedule: { peak: peakRate, warmUpSteps, decay, totalSteps: steps },
    checkpointSeconds: training.checkpointSeconds,
    logEverySteps: training.logEverySteps,
    validateEverySteps: training.validateEverySteps,
    patience: training.patience,
    keepSnapshots: averageSnapshots,
    keepBest: averageBest,
    accumulate,
  };
}

const RESULT = "weights.safetensors";

/** The weights that a training left in its stage's folder. */
export function readResult(folder: string): {
  readonly weights: Weights;
  readonly shapes: ReadonlyMap<string, readonly number[]>;
} {
  const { tensors, shapes } = readSafetensors(join(folder, RESULT));
  return { weights: tensors, shapes };
}

/** One training's result in another's place. */
export const copyResult = (from: string, to: string): void => copyFileSync(join(from, RESULT), join(to, RESULT));

/** Weights that may become the result. */
interface Candidate {
  readonly name: string;
  readonly weights: () => Weights;
}

/** The averages of the newest and of the best snapshots, the best weights, the best moving average: those there are. */
function candidatesOf(folder: string, state: LoopState): Candidate[] {
  const mean = (name: string, steps: readonly number[]): Candidate => ({
    name: `${name} ${steps.length}`,
    weights: () => averageWeights(readSnapshots(folder, steps)),
  });
  const file = (name: string): Weights => readSafetensors(join(folder, name)).tensors;
  const candidates = [mean("average of", state.snapshots)];
  const best = state.bestSnapshots.map(({ step }) => step).sort((a, b) => a - b);
  if (best.length > 1 && best.join() !== state.snapshots.join()) candidates.push(mean("average of the best", best));
  if (state.best) candidates.push({ name: `step ${state.best.step}`, weights: () => file(BEST) });
  if (state.bestMeans)
    candidates.push({ name: `moving average at step ${state.bestMeans.step}`, weights: () => file(BEST_MEANS) });
  return candidates;
}

/**
 * Chooses the result among the candidates, by the same validation that chose the best weights, and writes it to
 * `weights.safetensors`, with `config.json` and the tokenizer beside it.
 */
async function chooseResult(
  folder: string,
  state: LoopState,
  specs: readonly ParameterSpec[],
  validate: (weights: Weights) => Promise<number>,
  beside: { readonly architecture: unknown; readonly tokenizer: string },
): Promise<{ chosen: string; qualities: Record<string, number> }> {
  const candidates = candidatesOf(folder, state);
  const qualities: Record<string, number> = {};
  for (const { name, weights } of candidates) qualities[name] = await validate(weights());
  candidates.sort((a, b) => qualities[b.name]! - qualities[a.name]!);
  const best = candidates[0]!;
  writeSafetensors(join(folder, RESULT), best.weights(), new Map(specs.map(({ name, shape }) => [name, shape])));
  writeFileSync(join(folder, "config.json"), `${JSON.stringify(beside.architecture, null, 2)}\n`);
  copyFileSync(beside.tokenizer, join(folder, "tokenizer.json"));
  return { chosen: best.name, qualities };
}
