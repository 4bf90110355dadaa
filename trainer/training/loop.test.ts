import { appendFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { silentProgress } from "../progress.ts";
import { averageWeights } from "./checkpoint.ts";
import { type BatchPlace, Diverged, Interrupted, type LoopParts, type LoopSettings, runLoop } from "./loop.ts";
import { readSafetensors } from "./safetensors.ts";
import { readSnapshots } from "./snapshots.ts";
import {
  REGRESSION_ACTIVATION,
  regressionBatch,
  regressionSpecs,
  regressionStep,
  regressionWeights,
} from "./tiny-regression.testing.ts";

const STEPS = 12;
const BATCHES_AN_EPOCH = 5;

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "souffleur-loop-"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const settings = (folder: string): LoopSettings => ({
  folder: join(root, folder),
  schedule: { peak: 0.1, warmUpSteps: 3, decay: "inverse-sqrt", totalSteps: STEPS },
  totalSteps: STEPS,
  checkpointSeconds: 1e9,
  logEverySteps: 1,
  validateEverySteps: 3,
  patience: 100,
  keepSnapshots: 2,
  keepBest: 0,
  accumulate: 1,
});

/** A data source that goes through its batches in order and can be opened at a place. */
function openBatches(place: BatchPlace = { seed: 1, epoch: 0, index: 0 }) {
  const state = { ...place };
  return {
    get state() {
      return { ...state };
    },
    next: async () => {
      const feeds = regressionBatch(state.epoch * 100 + state.index);
      state.index += 1;
      if (state.index === BATCHES_AN_EPOCH) [state.epoch, state.index] = [state.epoch + 1, 0];
      return { feeds, sourceTokens: 7, targetTokens: 10, largestActivation: REGRESSION_ACTIVATION };
    },
  };
}

const parts = (changes: Partial<LoopParts> = {}): LoopParts => ({
  makeStep: (state) => regressionStep(state),
  specs: regressionSpecs,
  initial: () => regressionWeights(1),
  openBatches,
  progress: silentProgress,
  ...changes,
});

/** The batches of `openBatches`, with something done before a step's batch is given. */
const withHook = (hook: (step: number) => void): Partial<LoopParts> => ({
  openBatches: (place) => {
    const batches = openBatches(place);
    return {
      get state() {
        return batches.state;
      },
      next: (step: number) => {
        hook(step);
        return batches.next();
      },
    };
  },
});

interface LogEntry {
  readonly step: number;
  readonly loss?: number;
}

const losses = (folder: string): [number, number | undefined][] =>
  readFileSync(join(root, folder, "log.jsonl"), "utf8")
    .trim()
    .split("\n")
    .map((line): LogEntry => JSON.parse(line))
    .filter(({ loss }) => loss !== undefined)
    .map(({ step, loss }) => [step, loss]);

const finalWeights = (folder: string) =>
  readSafetensors(join(root, folder, "snapshots", `step-${STEPS}.safetensors`)).tensors;

describe("a run that was stopped", () => {
  test("by a signal saves its state and goes on with the losses of a run that was not", async () => {
    const whole = await runLoop(settings("whole"), parts());
    const stop = new AbortController();
    const stopping = parts({ ...withHook((step) => step === 7 && stop.abort()), signal: stop.signal });
    await expect(runLoop(settings("stopped"), stopping)).rejects.toThrow(Interrupted);
    expect(losses("stopped")).toHaveLength(7);
    const resumed = await runLoop(settings("stopped"), parts());
    expect(losses("stopped")).toEqual(losses("whole"));
    expect(finalWeights("stopped")).toEqual(finalWeights("whole"));
    expect({ ...resumed, seconds: 0 }).toEqual({ ...whole, seconds: 0 });
    expect(whole).toMatchObject({
      step: STEPS,
      targetTokens: 120,
      batches: { seed: 1, epoch: 2, index: 2 },
      finished: true,
    });
  });

  test("by a crash goes on from its last checkpoint, with a log that repeats nothing", async () => {
    await runLoop(settings("whole"), parts());
    let seconds = 0;
    const now = () => (seconds += 0.25); // a checkpoint every few steps
    const crash = withHook((step) => {
      if (step === 10) throw new Error("power cut");
    });
    const often = { ...settings("crashed"), checkpointSeconds: 4 };
    await expect(runLoop(often, parts({ ...crash, now }))).rejects.toThrow("power cut");
    const { step: saved } = JSON.parse(readFileSync(join(root, "crashed", "checkpoint", "state.json"), "utf8"));
    expect(saved).toBeGreaterThan(0);
    expect(saved).toBeLessThan(9);
    expect(losses("crashed")).toHaveLength(9);
    appendFileSync(join(root, "crashed", "log.jsonl"), '{"step":10,"lo'); // the kill came in the middle of a line
    const resumed: number[] = [];
    await runLoop(often, parts(withHook((step) => resumed.push(step))));
    expect(resumed[0]).toBe(saved + 1);
    expect(losses("crashed")).toEqual(losses("whole"));
    expect(finalWeights("crashed")).toEqual(finalWeights("whole"));
  });

  test("between two lines of the log writes the line that it would have written", async () => {
    const every = (folder: string) => ({ ...settings(folder), logEverySteps: 4 });
    await runLoop(every("whole"), parts());
    const stop = new AbortController();
    const stopping = parts({ ...withHook((step) => step === 6 && stop.abort()), signal: stop.signal });
    await expect(runLoop(every("stopped"), stopping)).rejects.toThrow(Interrupted);
    await runLoop(every("stopped"), parts());
    expect(losses("stopped").map(([step]) => step)).toEqual([4, 8, 12]);
    expect(losses("stopped")).toEqual(losses("whole"));
  });
});

test("a finished run is not trained again, and makes no session", async () => {
  const state = await runLoop(settings("run"), parts());
  const never = parts({ makeStep: () => Promise.reject(new Error("no session is needed")) });
  expect(await runLoop(settings("run"), never)).toEqual(state);
});

test("more steps than before: the run goes on where it ended", async () => {
  await runLoop({ ...settings("run"), totalSteps: 6 }, parts());
  const state = await runLoop(settings("run"), parts());
  expect(state).toMatchObject({ step: STEPS, finished: true });
  expect(losses("run").map(([step]) => step)).toEqual(Array.from({ length: STEPS }, (_, index) => index + 1));
});

test("the newest snapshots are kept, and can be averaged", async () => {
  const state = await runLoop(settings("run"), parts());
  expect(state.snapshots).toEqual([9, 12]);
  expect(readdirSync(join(root, "run", "snapshots")).sort()).toEqual(["step-12.safetensors", "step-9.safetensors"]);
  const [ninth, twelfth] = readSnapshots(join(root, "run"), state.snapshots);
  const mean = averageWeights(readSnapshots(join(root, "run"), [3, 9, 12])); // step 3's is gone
  expect(mean.get("bias")![0]).toBeCloseTo((ninth!.get("bias")![0]! + twelfth!.get("bias")![0]!) / 2, 6);
});

test("validation chooses the best weights, and patience ends the run for good", async () => {
  const qualities = [1, 5, 4, 3];
  const seen: number[] = [];
  const validate = async (_: unknown, step: number) => {
    seen.push(step);
    return { quality: qualities[step / 3 - 1]!, figures: { bleu: 1 } };
  };
  const patient = { ...settings("run"), patience: 1, totalSteps: 30 };
  const state = await runLoop(patient, parts({ validate }));
  expect(seen).toEqual([3, 6, 9]);
  expect(state).toMatchObject({ step: 9, best: { step: 6, quality: 5 }, finished: true });
  const snapshot = readSafetensors(join(root, "run", "snapshots", "step-6.safetensors"));
  expect(readSafetensors(join(root, "run", "best.safetensors"))).toEqual(snapshot);
  expect(await runLoop(patient, parts({ validate }))).toEqual(state);
  expect(seen).toEqual([3, 6, 9]);
});

test("the best snapshots are kept beside the newest, and no others", async () => {
  const qualities = [7, 2, 9, 5, 1, 3];
  const validate = async (_: unknown, step: number) => ({ quality: qualities[step / 2 - 1]!, figures: {} });
  const both = { ...settings("run"), validateEverySteps: 2, keepBest: 2 };
  const state = await runLoop(both, parts({ validate }));
  expect(state.snapshots).toEqual([10, 12]);
  expect(state.bestSnapshots).toEqual([
    { step: 6, quality: 9 },
    { step: 2, quality: 7 },
  ]);
  const files = ["step-10.safetensors", "step-12.safetensors", "step-2.safetensors", "step-6.safetensors"];
  expect(readdirSync(join(root, "run", "snapshots")).sort()).toEqual(files);
});

test("a moving average is validated beside the weights; the best one is kept, and patience waits for either", async () => {
  const makeStep: LoopParts["makeStep"] = (state) => regressionStep(state, 0.3, 1, { ema: 0.9 });
  const qualities = [4, 1, 3, 2, 2, 5, 1, 1, 1, 1]; // of the weights, then of the average, at each validation
  const validated: ReadonlyMap<string, Float32Array>[] = [];
  const validate = async (weights: ReadonlyMap<string, Float32Array>) => {
    validated.push(weights);
    return { quality: qualities[validated.length - 1]!, figures: { bleu: qualities[validated.length - 1]! } };
  };
  const patient = { ...settings("run"), validateEverySteps: 2, patience: 1 };
  const state = await runLoop(patient, parts({ makeStep, validate }));
  expect(state).toMatchObject({ step: 8, best: { step: 2, quality: 4 }, bestMeans: { step: 6, quality: 5 } });
  expect(readSafetensors(join(root, "run", "best-ema.safetensors")).tensors).toEqual(validated[5]);
  expect(readSafetensors(join(root, "run", "best.safetensors")).tensors).toEqual(validated[0]);
  const lines = readFileSync(join(root, "run", "log.jsonl"), "utf8")
    .trim()
    .split("\n");
  const figures = lines
    .map((line): { validation?: object } => JSON.parse(line))
    .flatMap((line) => line.validation ?? []);
  expect(figures[2]).toEqual({ bleu: 2, bleuEma: 5 });
});

test("several batches an update, with a moving average: a run that was stopped goes on with the same losses", async () => {
  const several = (folder: string) => ({ ...settings(folder), accumulate: 3 });
  const makeStep: LoopParts["makeStep"] = (state) => regressionStep(state, 0.3, 1, { accumulate: 3, ema: 0.9 });
  const state = await runLoop(several("whole"), parts({ makeStep }));
  expect(state).toMatchObject({ step: STEPS, targetTokens: 360, batches: { epoch: 7, index: 1 } }); // 36 batches
  const stop = new AbortController();
  const stopping = parts({ ...withHook((step) => step === 5 && stop.abort()), makeStep, signal: stop.signal });
  await expect(runLoop(several("stopped"), stopping)).rejects.toThrow(Interrupted);
  expect(losses("stopped")).toHaveLength(5);
  expect({ ...(await runLoop(several("stopped"), parts({ makeStep }))), seconds: 0 }).toEqual({ ...state, seconds: 0 });
  expect(losses("stopped")).toEqual(losses("whole"));
  const saved = (folder: string) => readSafetensors(join(root, folder, "checkpoint", "state.safetensors"));
  expect([...saved("whole").tensors.keys()]).toContain("weight:mean");
  expect(saved("stopped")).toEqual(saved("whole"));
});

describe("a step that is no number ends the run, and the last good state stays", () => {
  /** Batches whose fifth has one value in the place of all of `x`. */
  const poison = (value: number): Partial<LoopParts> => ({
    openBatches: (place) => {
      const batches = openBatches(place);
      return {
        get state() {
          return batches.state;
        },
        next: async (step: number) => {
          const batch = await batches.next();
          if (step === 5) (batch.feeds.x!.data as Float32Array).fill(value);
          return batch;
        },
      };
    },
    now: (() => {
      let seconds = 0;
      return () => (seconds += 10);
    })(),
  });

  test.each([
    ["the loss", Number.NaN, "the loss of step 5 is NaN"],
    // 1e15 squared is a float32, times the error that it is multiplied with in the gradient's norm it is none
    ["the gradient alone", 1e15, "the norm of the gradient of step 5 is Infinity"],
  ])("%s", async (_, value, message) => {
    const run = () => runLoop({ ...settings("run"), checkpointSeconds: 1 }, parts(poison(value)));
    await expect(run()).rejects.toThrow(Diverged);
    await expect(run()).rejects.toThrow(
      `${message}; the checkpoint in ${join(root, "run", "checkpoint")} is of before it. Lower training.peakRate`,
    );
    expect(JSON.parse(readFileSync(join(root, "run", "checkpoint", "state.json"), "utf8"))).toMatchObject({ step: 4 });
    expect(existsSync(join(root, "run", "snapshots", "step-3.safetensors"))).toBe(true);
  });
});

test("a damaged checkpoint: the run goes on from the one before it, says so, and ends with the same losses", async () => {
  await runLoop(settings("whole"), parts());
  let seconds = 0;
  const now = () => (seconds += 0.25);
  const crash = withHook((step) => {
    if (step === 10) throw new Error("power cut");
  });
  const often = { ...settings("run"), checkpointSeconds: 1 };
  await expect(runLoop(often, parts({ ...crash, now }))).rejects.toThrow("power cut");
  truncateSync(join(root, "run", "checkpoint", "state.safetensors"), 20);
  const notes: string[] = [];
  await runLoop(often, parts({ progress: { ...silentProgress, note: (text) => notes.push(text) } }));
  expect(notes).toEqual([expect.stringMatching(/is damaged: .*: going on from the checkpoint before it, of step \d$/)]);
  expect(losses("run")).toEqual(losses("whole"));
  expect(finalWeights("run")).toEqual(finalWeights("whole"));
});
