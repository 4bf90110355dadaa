// `souffleur bench step`: how long one run of the step graph takes, by batch size, for one or several step files.
import * as ort from "onnxruntime-node";
import { loadBundle } from "../models/bundle.ts";
import { StepModel } from "../models/step-model.ts";
import type { StepRow, StepRunner } from "../models/step-runner.ts";
import { SPECIAL_TOKENS } from "../models/vocabulary.ts";
import { describeMachine, type Machine } from "./machine.ts";
import { median, percentile } from "./percentile.ts";

export interface StepMeasure {
  /** Rows, that is sessions, in one step. */
  batchSizes: readonly number[];
  /** Source tokens that each session has read before the first timed step. */
  stateLength: number;
  /** Timed steps from there on, each with one new source token and one new chunk a row, so that the state grows. */
  steps: number;
  /** How many times all of it is done; the files and sizes take turns in each, so that a drift meets all alike. */
  rounds: number;
  /** Tokens behind. */
  wait: number;
}

export interface StepOptions extends StepMeasure {
  /** Folder of the bundle. */
  bundle: string;
  /** Step files to measure with the bundle's manifest, for instance fp32 and int8; the bundle's own when left out. */
  stepFiles?: readonly string[];
}

export interface StepRowResult {
  /** The step file. */
  step: string;
  batchSize: number;
  /** Milliseconds of a run, copies of states in and out included. */
  stepMs: { p50: number; p95: number; samples: number };
  /** Source tokens read in a second at the median, all rows together. */
  tokensPerSecond: number;
}

export interface StepBenchResult {
  options: StepOptions;
  rows: StepRowResult[];
  machine: Machine;
}

/** One thread, so that the figure is a core's: the engine runs one worker a core. */
export const ONE_THREAD: ort.InferenceSession.SessionOptions = {
  executionProviders: ["cpu"],
  executionMode: "sequential",
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
};

/**
 * Measures step files on one thread of the CPU.
 *
 * @throws BundleError when the bundle or a step file does not fit
 * @throws RangeError when the steps go past the bundle's position limit
 */
export async function benchStep(options: StepOptions): Promise<StepBenchResult> {
  const bundle = await loadBundle(options.bundle);
  const files = options.stepFiles?.length ? options.stepFiles : bundle.stepPath ? [bundle.stepPath] : [];
  if (files.length === 0) {
    const { kind, architecture } = bundle.manifest;
    const what = kind === "teacher" ? "a teacher" : `an ${architecture.type} student, which bench compare measures`;
    throw new RangeError(`${options.bundle} has no step graph: it is ${what}`);
  }
  const models: { name: string; model: StepModel }[] = [];
  try {
    for (const name of files) {
      models.push({ name, model: await StepModel.create(ort, name, bundle.manifest, ONE_THREAD) });
    }
    const runners = models.map(({ name, model }) => ({ name, runner: model }));
    const rows = await measureSteps(runners, bundle.manifest.architecture.vocabulary, options);
    return { options: { ...options, stepFiles: files }, rows, machine: describeMachine() };
  } finally {
    for (const { model } of models) await model.release();
  }
}

/**
 * Times `runners` in turns; a first round is not counted.
 *
 * @param now a clock in milliseconds
 * @throws RangeError when the steps go past a runner's position limit
 */
export async function measureSteps(
  runners: readonly { name: string; runner: StepRunner }[],
  vocabulary: number,
  measure: StepMeasure,
  now: () => number = () => performance.now(),
): Promise<StepRowResult[]> {
  const positions = measure.stateLength + measure.steps;
  const least = Math.min(...runners.map(({ runner }) => runner.maxSourceTokens));
  if (positions > least) throw new RangeError(`${positions} source positions, the limit is ${least}`);
  const samples = new Map<string, number[]>();
  for (let round = -1; round < measure.rounds; round++) {
    for (const batchSize of measure.batchSizes) {
      for (const { name, runner } of runners) {
        const times = await timeRound(runner, vocabulary, batchSize, measure, now);
        const key = `${name}\n${batchSize}`;
        if (round >= 0) samples.set(key, [...(samples.get(key) ?? []), ...times]);
      }
    }
  }
  return runners.flatMap(({ name }) =>
    measure.batchSizes.map((batchSize) => {
      const times = samples.get(`${name}\n${batchSize}`) ?? [];
      const p50 = median(times);
      return {
        step: name,
        batchSize,
        stepMs: { p50, p95: percentile(times, 95), samples: times.length },
        tokensPerSecond: (batchSize * 1000) / p50,
      };
    }),
  );
}

async function timeRound(
  runner: StepRunner,
  vocabulary: number,
  batchSize: number,
  { stateLength, steps, wait }: StepMeasure,
  now: () => number,
): Promise<number[]> {
  const states = Array.from({ length: batchSize }, () => runner.newState());
  const chunksBefore = Math.max(0, stateLength - wait + 1);
  const token = (row: number, position: number) => pieceId(row * 31 + position, vocabulary);
  const rowsOf = (first: number, end: number, firstChunk: number, endChunk: number): StepRow[] =>
    states.map((state, row) => ({
      state,
      tokens: Array.from({ length: end - first }, (_, index) => token(row, first + index)),
      chunks: Array.from({ length: endChunk - firstChunk }, (_, index) => token(row, firstChunk + index)),
      wait,
    }));
  await runner.run(rowsOf(0, stateLength, 0, chunksBefore));
  const times: number[] = [];
  for (let step = 0; step < steps; step++) {
    const chunk = chunksBefore + step;
    const rows = rowsOf(stateLength + step, stateLength + step + 1, chunk, chunk + 1);
    const before = now();
    await runner.run(rows);
    times.push(now() - before);
  }
  for (const state of states) state.release();
  return times;
}

/** Any piece of the vocabulary: which one does not change the time, but the same ones in every round. */
function pieceId(number: number, vocabulary: number): number {
  const pieces = vocabulary - SPECIAL_TOKENS.length;
  return SPECIAL_TOKENS.length + ((number * 7919) % pieces);
}
