// The training loop that teacher and student share: batches in, checkpoints, snapshots and a log out.
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import type { ParameterSpec, Weights } from "../networks/parameters.ts";
import type { ProgressReporter } from "../progress.ts";
import { emptyWindow, type LoopState, loadCheckpoint, saveCheckpoint } from "./checkpoint.ts";
import { RunLog } from "./run-log.ts";
import { learningRate, type ScheduleSettings } from "./schedule.ts";
import { type SnapshotSettings, takeSnapshot, type Validation } from "./snapshots.ts";
import type { Feeds, OptimizerState, StepExecutor, StepMetrics, UpdateBatch } from "./step-executor.ts";

/** Raised when the run was asked to stop; its state is saved. */
export class Interrupted extends Error {
  override name = "Interrupted";
  /** Interrupted with state saved. */
  readonly exitCode = 130;
}

/** Raised when the loss or the gradient is no longer a number; what that step made of the weights is not saved. */
export class Diverged extends Error {
  override name = "Diverged";
}

export interface BatchPlace {
  seed: number;
  epoch: number;
  index: number;
}

/** One batch as the step wants it. */
export interface PreparedBatch {
  readonly feeds: Feeds;
  readonly sourceTokens: number;
  readonly targetTokens: number;
  /** Elements of the largest activation that is dropped. */
  readonly largestActivation: number;
  /** Whether the student wrote the targets: the likelihood of the pairs' own is then not known. */
  readonly written?: boolean;
  /** Pairs that were left out of the loss, by reason. */
  readonly leftOut?: Record<string, number>;
}

export interface LoopSettings extends SnapshotSettings {
  readonly schedule: ScheduleSettings;
  readonly totalSteps: number;
  readonly checkpointSeconds: number;
  readonly logEverySteps: number;
  readonly validateEverySteps: number;
  /** Validations without a gain after which training stops. */
  readonly patience: number;
  /** Batches of an update. */
  readonly accumulate: number;
}

export interface LoopParts {
  readonly makeStep: (state: OptimizerState) => Promise<StepExecutor>;
  readonly specs: readonly ParameterSpec[];
  readonly initial: () => Weights;
  /** Opens the data at a place, or at its start. */
  readonly openBatches: (place?: BatchPlace) => {
    /** @param number which batch of the training it is, from 1: the step where an update has one batch. */
    next(step: number, model: StepExecutor, number: number): Promise<PreparedBatch>;
    readonly state: BatchPlace;
  };
  readonly validate?: (weights: Weights, step: number) => Promise<Validation>;
  readonly progress: ProgressReporter;
  readonly signal?: AbortSignal;
  readonly now?: () => number;
}

/**
 * Trains until `totalSteps`, or until patience ends, from the folder's checkpoint if there is one.
 * @returns the final state; the weights are in the snapshots.
 * @throws Interrupted after saving when `signal` aborts; Diverged when loss or gradient is not finite; CheckpointError
 *   when what was saved is damaged.
 */
export async function runLoop(settings: LoopSettings, parts: LoopParts): Promise<LoopState> {
  const { folder } = settings;
  const now = parts.now ?? (() => performance.now() / 1000);
  const checkpointFolder = join(folder, "checkpoint");
  mkdirSync(join(folder, "snapshots"), { recursive: true });
  const saved = loadCheckpoint(checkpointFolder, parts.specs);
  if (saved?.damage)
    parts.progress.note(`${saved.damage}: going on from the checkpoint before it, of step ${saved.state.step}`);
  if (saved?.state.finished && ended(saved.state, settings)) return saved.state;
  const empty: Weights = new Map();
  const start = saved?.optimizer ?? { weights: parts.initial(), firstMoments: empty, secondMoments: empty, step: 0 };
  const batches = parts.openBatches(saved?.state.batches);
  const state: LoopState = saved?.state ?? {
    step: 0,
    batches: batches.state,
    seconds: 0,
    targetTokens: 0,
    best: null,
    bestMeans: null,
    validationsWithoutGain: 0,
    snapshots: [],
    bestSnapshots: [],
    finished: false,
    window: emptyWindow(),
  };
  const model = await parts.makeStep(start);
  const log = new RunLog(join(folder, "log.jsonl"), state.step);
  const save = async () =>
    saveCheckpoint(checkpointFolder, await model.state(), parts.specs, { ...state, batches: batches.state });

  let lastSave = now();
  try {
    while (state.step < settings.totalSteps) {
      const begun = now();
      const update = await nextUpdate(settings.accumulate, batches, state.step + 1, model);
      const rate = learningRate(state.step + 1, settings.schedule);
      const metrics = await model.update(update.batches, rate);
      refuseDivergence(metrics, model.step, checkpointFolder);
      state.step = model.step;
      state.targetTokens += update.targetTokens;
      const seconds = now() - begun;
      state.seconds += seconds;
      const { window } = state;
      window.seconds += seconds;
      window.tokens += update.targetTokens;
      window.loss += metrics.loss!;
      window.writtenSteps += update.written;
      if (update.written < 1) window.nll += metrics.nll ?? metrics.loss!;
      for (const [name, value] of termsOf(metrics)) window.terms[name] = (window.terms[name] ?? 0) + value;
      window.leftOut += update.leftOut;
      window.steps += 1;
      if (state.step % settings.logEverySteps === 0 || state.step === settings.totalSteps) {
        const tokensPerSecond = Math.round(window.tokens / window.seconds);
        const { epoch } = batches.state;
        const given = window.steps - window.writtenSteps;
        const means = { loss: window.loss / window.steps, nll: given > 1e-6 ? window.nll / given : null };
        log.write({
          step: state.step,
          epoch,
          ...means,
          ...Object.fromEntries(Object.entries(window.terms).map(([name, sum]) => [name, sum / window.steps])),
          gradientNorm: metrics.gradient_norm,
          rate,
          tokensPerSecond,
          seconds: Math.round(state.seconds),
          leftOut: window.leftOut,
          peakMegabytes: Math.round((model.peakBytes ?? process.resourceUsage().maxRSS * 1024) / 1e6),
        });
        parts.progress.update(state.step, { loss: means.loss.toFixed(3), "tokens/s": tokensPerSecond, epoch });
        state.window = emptyWindow();
      }
      if (state.step % settings.validateEverySteps === 0 || state.step === settings.totalSteps) {
        const figures = await takeSnapshot(settings, state, model, parts.validate);
        if (figures) {
          log.write({ step: state.step, validation: figures });
          const said = Object.entries(figures).map(([name, value]) => `${name} ${value.toFixed(2)}`);
          parts.progress.note(`step ${state.step}: ${said.join(", ")}`);
        }
        if (state.validationsWithoutGain >= settings.patience) break;
      }
      if (parts.signal?.aborted) {
        await save();
        throw new Interrupted(
          `stopped at step ${state.step}; the state is saved in ${folder}, run the same command to go on`,
        );
      }
      if (now() - lastSave >= settings.checkpointSeconds) {
        await save();
        lastSave = now();
      }
    }
    state.finished = true;
    await save();
    return { ...state, batches: batches.state };
  } finally {
    parts.progress.stop();
    await model.dispose();
  }
}

/** The batches of one update, each with its share of the update's target tokens. */
async function nextUpdate(
  accumulate: number,
  batches: ReturnType<LoopParts["openBatches"]>,
  step: number,
  model: StepExecutor,
) {
  const prepared: PreparedBatch[] = [];
  for (let place = 1; place <= accumulate; place += 1)
    prepared.push(await batches.next(step, model, (step - 1) * accumulate + place));
  const targetTokens = prepared.reduce((sum, batch) => sum + batch.targetTokens, 0);
  const shareOf = (batch: PreparedBatch) => (targetTokens > 0 ? batch.targetTokens / targetTokens : 1 / accumulate);
  const written = prepared.filter((batch) => batch.written);
  return {
    batches: prepared.map(
      (batch): UpdateBatch => ({
        feeds: batch.feeds,
        largestActivation: batch.largestActivation,
        share: accumulate === 1 ? 1 : shareOf(batch),
      }),
    ),
    targetTokens,
    /** The share of it whose targets the student wrote. */
    written: written.length === accumulate ? 1 : written.reduce((sum, batch) => sum + shareOf(batch), 0),
    leftOut: prepared.flatMap((batch) => Object.values(batch.leftOut ?? {})).reduce((sum, count) => sum + count, 0),
  };
}

/** What a graph reports beside loss, gradient and likelihood: the terms that its loss is the sum of. */
const termsOf = ({ loss: _, gradient_norm: __, nll: ___, ...terms }: StepMetrics): [string, number][] =>
  Object.entries(terms);

/**
 * A gradient that is no number is in the weights already, though the loss before it was one: that step must end the run
 * before anything of it is saved.
 */
function refuseDivergence(metrics: StepMetrics, step: number, checkpointFolder: string): void {
  const wrong = ["loss", "gradient_norm"].find((name) => name in metrics && !Number.isFinite(metrics[name]));
  if (wrong === undefined) return;
  const what = wrong === "loss" ? "loss" : "norm of the gradient";
  const kept = existsSync(checkpointFolder)
    ? `the checkpoint in ${checkpointFolder} is of before it`
    : "there was no checkpoint yet";
  throw new Diverged(
    `the ${what} of step ${step} is ${metrics[wrong]}; ${kept}. ` +
      "Lower training.peakRate, raise training.warmUpSteps or lower training.clipNorm",
  );
}

/** More steps or more patience than when it finished: the run goes on. */
const ended = (state: LoopState, { totalSteps, patience }: LoopSettings): boolean =>
  state.step >= totalSteps || state.validationsWithoutGain >= patience;
