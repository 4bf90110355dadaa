// Speed of training steps; whoever has a training step to run calls it.
import { describeMachine, type Machine } from "./machine.ts";
import { median, percentile } from "./percentile.ts";

/** What one training step worked on, padding not counted. */
export interface TrainStepTokens {
  sourceTokens: number;
  targetTokens: number;
}

export interface TrainBenchResult {
  steps: number;
  /** Steps that were run first and not counted. */
  warmupSteps: number;
  stepMs: { p50: number; p95: number };
  /** Median over the steps of a step's tokens by its time. */
  sourceTokensPerSecond: number;
  targetTokensPerSecond: number;
  machine: Machine;
}

const WARMUP_STEPS = 3;

/**
 * Runs training steps one after the other and reports medians.
 *
 * @param steps how many are counted, at least 1; three more are run first and are not
 * @param runStep runs one step (batch, forward, backward, update) and says what was in it
 * @param now a clock in milliseconds
 * @throws RangeError when `steps` is below 1
 */
export async function benchTrain(
  steps: number,
  runStep: () => Promise<TrainStepTokens>,
  now: () => number = () => performance.now(),
): Promise<TrainBenchResult> {
  if (!Number.isInteger(steps) || steps < 1) throw new RangeError(`steps must be 1 or more, not ${steps}`);
  for (let step = 0; step < WARMUP_STEPS; step++) await runStep();
  const times: number[] = [];
  const tokens: TrainStepTokens[] = [];
  for (let step = 0; step < steps; step++) {
    const before = now();
    tokens.push(await runStep());
    times.push(now() - before);
  }
  const perSecond = (count: (step: TrainStepTokens) => number) =>
    median(tokens.map((step, index) => (count(step) * 1000) / times[index]));
  return {
    steps,
    warmupSteps: WARMUP_STEPS,
    stepMs: { p50: median(times), p95: percentile(times, 95) },
    sourceTokensPerSecond: perSecond((step) => step.sourceTokens),
    targetTokensPerSecond: perSecond((step) => step.targetTokens),
    machine: describeMachine(),
  };
}
