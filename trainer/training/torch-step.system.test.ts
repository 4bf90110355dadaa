// PyTorch makes the updates that onnxruntime makes, alone or as several processes, and either goes on where the other stopped.
import { once } from "node:events";
import { createServer } from "node:net";
import * as ort from "onnxruntime-node";
import { describe, expect, test } from "vitest";
import { largestDifference } from "../graph/evaluate-graph.testing.ts";
import { hasTorch, python } from "../torch-python.testing.ts";
import { type SmallTraining, smallTraining } from "./small-batches.testing.ts";
import { joinTraining } from "./torch-process.ts";
import { TorchStep } from "./torch-step.ts";
import { type OptimizerState, type StepExecutor, type StepMetrics, TrainingStep } from "./training-step.ts";

const ADAM = { beta1: 0.9, beta2: 0.98, epsilon: 1e-9, clipNorm: 1 };
const RATE = 3e-3;
const SEED = 7;

const inOrt = (training: SmallTraining, start: OptimizerState, dropout: number) =>
  TrainingStep.create(training.graph(), start, { ort, adam: ADAM, dropout, seed: SEED, threads: 1 });

const inTorch = (
  training: SmallTraining,
  start: OptimizerState,
  dropout: number,
  processes = 1,
  precision: "fp32" | "bf16" = "fp32",
) =>
  TorchStep.create(training.graph(), start, {
    ...{ python, processes, precision, compile: false },
    ...{ ort, adam: ADAM, dropout, seed: SEED, threads: 1 },
  });

/** Updates from the executor's step to step `end`, and the state after them. */
async function train(
  executor: StepExecutor,
  training: SmallTraining,
  end: number,
): Promise<{ metrics: StepMetrics[]; state: OptimizerState }> {
  const metrics: StepMetrics[] = [];
  try {
    while (executor.step < end) {
      const batch = training.batch(executor.step + 1);
      metrics.push(await executor.update([{ ...batch, share: 1 }], RATE));
    }
    return { metrics, state: await executor.state() };
  } finally {
    await executor.dispose();
  }
}

function expectAlike(found: readonly StepMetrics[], wanted: readonly StepMetrics[]): void {
  expect(found).toHaveLength(wanted.length);
  for (const [at, each] of wanted.entries()) {
    expect(Object.keys(found[at]!).sort()).toEqual(Object.keys(each).sort());
    for (const [name, value] of Object.entries(each))
      expect(Math.abs(found[at]![name]! / value - 1), `${name} of step ${at + 1}`).toBeLessThan(1e-4);
  }
}

function expectSameWeights(found: OptimizerState, wanted: OptimizerState): void {
  expect(found.step).toBe(wanted.step);
  // Adam makes steps of RATE of gradients near 0 too, whose rounding differs: weights are held less tightly than moments
  const bounds = { weights: RATE / 3, firstMoments: 1e-4, secondMoments: 1e-4 };
  for (const kind of ["weights", "firstMoments", "secondMoments"] as const) {
    for (const [name, values] of wanted[kind]) {
      // attention's softmax is the same whatever is added to all keys: this gradient is rounding, which Adam enlarges
      if (name.endsWith(".key.bias")) continue;
      expect(largestDifference(found[kind].get(name)!, values), `${kind} of ${name}`).toBeLessThan(bounds[kind]);
    }
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  return typeof address === "object" && address ? address.port : 0;
}

describe.skipIf(!hasTorch)("the PyTorch executor", () => {
  test.each([
    ["teacher", 0],
    ["teacher", 0.3],
    ["wait-k", 0.2],
    ["student", 0.2],
    ["taught autoregressive", 0.2],
    ["taught student", 0.2],
  ] as const)("a %s with dropout %s: onnxruntime's losses, gradient norms and weights", async (kind, dropout) => {
    const training = smallTraining(kind, dropout);
    const wanted = await train(await inOrt(training, training.start(), dropout), training, 8);
    const found = await train(await inTorch(training, training.start(), dropout), training, 8);
    expect(wanted.metrics[7]!.loss).toBeLessThan(wanted.metrics[0]!.loss!); // it does learn
    expectAlike(found.metrics, wanted.metrics);
    expectSameWeights(found.state, wanted.state);
  });

  test("two processes that share the rows make one's updates", async () => {
    const training = smallTraining("student", 0.2);
    const wanted = await train(await inOrt(training, training.start(), 0.2), training, 4);
    const found = await train(await inTorch(training, training.start(), 0.2, 2), training, 4);
    expectAlike(found.metrics, wanted.metrics);
    expectSameWeights(found.state, wanted.state);
  });

  test("a second machine joins, and ends when the training ends", async () => {
    const training = smallTraining("teacher", 0.3);
    const wanted = await train(await inOrt(training, training.start(), 0.3), training, 4);
    const master = `127.0.0.1:${await freePort()}`;
    const machine = (index: number) => ({ python, processes: 1, nodes: { count: 2, index, master } });
    const joined = joinTraining(machine(1), new AbortController().signal);
    const settings = {
      ort,
      adam: ADAM,
      dropout: 0.3,
      seed: SEED,
      threads: 1,
      precision: "fp32",
      compile: false,
    } as const;
    const first = await TorchStep.create(training.graph(), training.start(), { ...settings, ...machine(0) });
    expect(first.description).toContain("2 × cpu");
    const found = await train(first, training, 4);
    await joined;
    expectAlike(found.metrics, wanted.metrics);
    expectSameWeights(found.state, wanted.state);
  });

  test("each goes on where the other stopped", async () => {
    const training = smallTraining("student", 0.2);
    const whole = await train(await inOrt(training, training.start(), 0.2), training, 6);
    const first = await train(await inOrt(training, training.start(), 0.2), training, 2);
    const second = await train(await inTorch(training, first.state, 0.2), training, 4);
    const third = await train(await inOrt(training, second.state, 0.2), training, 6);
    expectAlike([...first.metrics, ...second.metrics, ...third.metrics], whole.metrics);
    expectSameWeights(third.state, whole.state);
  });

  test("several batches an update and a moving average, in one process and then in two", async () => {
    const training = smallTraining("teacher", 0.2);
    const more = { ort, adam: ADAM, dropout: 0.2, seed: SEED, threads: 1, accumulate: 2, ema: 0.9 };
    const torch = (processes: number) => ({ python, processes, precision: "fp32", compile: false }) as const;
    const run = async (executor: StepExecutor, end: number) => {
      const metrics: StepMetrics[] = [];
      while (executor.step < end) {
        const batches = [1, 2].map((place) => ({ ...training.batch(2 * executor.step + place), share: place / 3 }));
        metrics.push(await executor.update(batches, RATE));
      }
      const state = await executor.state();
      expect(await executor.means()).toEqual(state.means);
      await executor.dispose();
      return { metrics, state };
    };
    const wanted = await run(await TrainingStep.create(training.graph(), training.start(), more), 4);
    const first = await run(await TorchStep.create(training.graph(), training.start(), { ...more, ...torch(1) }), 2);
    const second = await run(await TorchStep.create(training.graph(), first.state, { ...more, ...torch(2) }), 4);
    expectAlike([...first.metrics, ...second.metrics], wanted.metrics);
    expectSameWeights(second.state, wanted.state);
    for (const [name, values] of wanted.state.means!)
      if (!name.endsWith(".key.bias"))
        expect(largestDifference(second.state.means!.get(name)!, values), name).toBeLessThan(RATE / 3);
  });

  test("a batch of fewer rows than processes counts once", async () => {
    const training = smallTraining("teacher", 0, 1);
    const wanted = await train(await inOrt(training, training.start(), 0), training, 2);
    const found = await train(await inTorch(training, training.start(), 0, 2), training, 2);
    expectAlike(found.metrics, wanted.metrics);
  });

  test("bf16 stays near float32", async () => {
    const training = smallTraining("teacher", 0);
    const wanted = await train(await inOrt(training, training.start(), 0), training, 4);
    const found = await train(await inTorch(training, training.start(), 0, 1, "bf16"), training, 4);
    for (const [at, { loss }] of wanted.metrics.entries())
      expect(Math.abs(found.metrics[at]!.loss! / loss! - 1)).toBeLessThan(0.02);
    expect(Math.abs(found.metrics[0]!.loss! - wanted.metrics[0]!.loss!)).toBeGreaterThan(1e-5); // it is another precision
  });

  test("what goes wrong in PyTorch is said with its own words", async () => {
    const training = smallTraining("teacher", 0);
    const executor = await inTorch(training, training.start(), 0);
    const { feeds } = training.batch(1);
    const { source: _, ...others } = feeds;
    await expect(executor.update([{ feeds: others, largestActivation: 1, share: 1 }], RATE)).rejects.toThrow(
      /the PyTorch process ended \(1\):.*source/s,
    );
    await executor.dispose();
  });
});
