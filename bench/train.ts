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

/** A step's time, and the most memory that its process has held so far. */
export interface TimedStep {
  readonly ms: number;
  readonly peakBytes: number;
}

export interface Contender {
  readonly name: string;
  readonly stepMs: { readonly p50: number; readonly p95: number; readonly best: number };
  readonly targetTokensPerSecond: number;
  readonly peakBytes: number;
  /** Median over the rounds of this one's time by the first one's: above 1 it is slower. */
  readonly ratio: number;
}

export interface TurnsResult {
  readonly rounds: number;
  readonly warmupRounds: number;
  /** Target tokens of a step. */
  readonly tokens: number;
  readonly contenders: readonly Contender[];
  readonly machine: Machine;
}

/**
 * Several ways of doing the same step take turns, so that a slow moment of the machine hits all of them.
 *
 * @param rounds steps of each that are counted, at least 1; three more are run first and are not
 * @param tokens target tokens of a step
 * @param contenders by name; the first is what the others are compared with
 * @throws RangeError when `rounds` is below 1
 */
export async function benchTurns(
  rounds: number,
  tokens: number,
  contenders: Readonly<Record<string, () => Promise<TimedStep>>>,
): Promise<TurnsResult> {
  if (!Number.isInteger(rounds) || rounds < 1) throw new RangeError(`rounds must be 1 or more, not ${rounds}`);
  const runs = Object.entries(contenders).map(([name, run]) => ({ name, run, times: [] as number[], peakBytes: 0 }));
  for (let round = -WARMUP_STEPS; round < rounds; round++) {
    for (const each of runs) {
      const { ms, peakBytes } = await each.run();
      each.peakBytes = peakBytes;
      if (round >= 0) each.times.push(ms);
    }
  }
  const [first] = runs;
  return {
    rounds,
    warmupRounds: WARMUP_STEPS,
    tokens,
    contenders: runs.map(({ name, times, peakBytes }) => ({
      name,
      stepMs: { p50: median(times), p95: percentile(times, 95), best: Math.min(...times) },
      targetTokensPerSecond: (tokens * 1000) / median(times),
      peakBytes,
      ratio: median(times.map((ms, round) => ms / first.times[round])),
    })),
    machine: describeMachine(),
  };
}
