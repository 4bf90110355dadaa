import { expect, test } from "vitest";
import { largestDifference } from "../graph/evaluate-graph.testing.ts";
import {
  freshState,
  joinedBatches,
  REGRESSION_ACTIVATION,
  regressionBatch,
  regressionSpecs,
  regressionStep,
  regressionWeights,
} from "./tiny-regression.testing.ts";
import type { Feeds, OptimizerState, StepMetrics, TrainingStep, UpdateBatch } from "./training-step.ts";

const whole = (feeds: Feeds, share = 1): UpdateBatch => ({ feeds, largestActivation: REGRESSION_ACTIVATION, share });

async function updates(model: TrainingStep, from: number, to: number, rate = 0.05): Promise<StepMetrics[]> {
  const all: StepMetrics[] = [];
  for (let number = from; number <= to; number += 1) {
    all.push(await model.update([whole(regressionBatch(number))], rate));
  }
  return all;
}

async function withStep<T>(
  state: OptimizerState,
  use: (model: TrainingStep) => Promise<T>,
  dropout?: number,
  seed?: number,
): Promise<T> {
  const model = await regressionStep(state, dropout, seed);
  try {
    return await use(model);
  } finally {
    await model.dispose();
  }
}

const start = () => freshState(regressionWeights(1));

test("updates bring the parameters to the line that the data lie on", async () => {
  await withStep(
    start(),
    async (model) => {
      const before = await updates(model, 1, 3);
      await updates(model, 4, 400);
      const after = await updates(model, 401, 403, 0.01);
      expect(before[0]!.loss).toBeGreaterThan(1);
      expect(after[2]!.loss).toBeLessThan(1e-2);
      expect(model.step).toBe(403);
      [1, -2, 0.5].forEach((value, index) => {
        expect(model.weights().get("weight")![index]).toBeCloseTo(value, 1);
      });
      expect(model.weights().get("bias")![0]).toBeCloseTo(3, 1);
    },
    0,
  );
});

test("a step reports loss, gradient norm and the model's own metrics", async () => {
  const [metrics] = await withStep(start(), (model) => updates(model, 1, 1));
  expect(Object.keys(metrics!)).toEqual(["loss", "gradient_norm", "error"]);
  expect(metrics!.gradient_norm).toBeGreaterThan(0);
});

test("a state that is taken out and put into a new step goes on bit by bit the same, dropout included", async () => {
  const whole = await withStep(start(), async (model) => [await updates(model, 1, 8), model.state()] as const);
  const half = await withStep(start(), async (model) => {
    const metrics = await updates(model, 1, 3);
    return { metrics, state: model.state() };
  });
  const rest = await withStep(half.state, async (model) => [await updates(model, 4, 8), model.state()] as const);
  expect([...half.metrics, ...rest[0]]).toEqual(whole[0]);
  expect(rest[1]).toEqual(whole[1]);
});

test("dropout is drawn from seed and step: the same again, another mask at another step or seed", async () => {
  // a rate of 0 leaves the weights as they are, so only the mask can make a difference
  const losses = (seed: number) =>
    withStep(
      start(),
      async (model) => {
        const metrics: StepMetrics[] = [];
        for (let step = 0; step < 6; step += 1) metrics.push(await model.update([whole(regressionBatch(1))], 0));
        return metrics.map(({ loss }) => loss);
      },
      0.5,
      seed,
    );
  const first = await losses(1);
  expect(await losses(1)).toEqual(first);
  expect(new Set(first).size).toBeGreaterThan(3);
  expect(await losses(2)).not.toEqual(first);
});

test("weights that were taken out do not change when training goes on", async () => {
  await withStep(start(), async (model) => {
    const taken = model.weights();
    const copy = new Map([...taken].map(([name, values]) => [name, values.slice()]));
    await updates(model, 1, 4);
    expect(taken).toEqual(copy);
    expect(model.weights()).not.toEqual(copy);
    expect(Object.keys(model.parameterTensors())).toEqual(regressionSpecs.map(({ name }) => name));
    expect(model.parameterTensors().weight!.data).toEqual(model.weights().get("weight"));
  });
});

/** Four rows and two, which share an update. */
const uneven = (number: number): UpdateBatch[] => [
  whole(regressionBatch(2 * number), 4 / 6),
  whole(regressionBatch(2 * number + 1, 2), 2 / 6),
];

test("an update of several batches is that of one batch with all their rows", async () => {
  const steps = [1, 2, 3, 4, 5, 6];
  const accumulating = await regressionStep(start(), 0, 1, { accumulate: 2 });
  const single = await regressionStep(start(), 0);
  for (const number of steps) {
    const batches = uneven(number);
    const found = await accumulating.update(batches, 0.05);
    const wanted = await single.update([whole(joinedBatches(...batches.map(({ feeds }) => feeds)))], 0.05);
    expect(Object.keys(found).sort()).toEqual(Object.keys(wanted).sort());
    expect(found.loss).toBeCloseTo(wanted.loss!, 5);
    expect(found.gradient_norm).toBeCloseTo(wanted.gradient_norm!, 5);
  }
  const [found, wanted] = [accumulating.state(), single.state()];
  for (const kind of ["weights", "firstMoments", "secondMoments"] as const) {
    for (const [name, values] of wanted[kind])
      expect(largestDifference(found[kind].get(name)!, values), `${kind} of ${name}`).toBeLessThan(1e-5);
  }
  await expect(accumulating.update(uneven(1).slice(1), 0.05)).rejects.toThrow("an update of 2 batches, not of 1");
  await Promise.all([accumulating.dispose(), single.dispose()]);
});

test("with several batches an update and a moving average, a state that is put in again goes on bit by bit the same", async () => {
  const more = { accumulate: 2, ema: 0.9 };
  const run = async (state: OptimizerState, from: number, to: number) => {
    const model = await regressionStep(state, 0.3, 1, more);
    const metrics: StepMetrics[] = [];
    for (let number = from; number <= to; number += 1) metrics.push(await model.update(uneven(number), 0.05));
    await model.dispose();
    return { metrics, state: model.state() };
  };
  const all = await run(start(), 1, 7);
  const first = await run(start(), 1, 3);
  const second = await run(first.state, 4, 7);
  expect([...first.metrics, ...second.metrics]).toEqual(all.metrics);
  expect(second.state).toEqual(all.state);
  expect(all.state.means).not.toEqual(all.state.weights);
});

test("a moving average follows the weights, and there is none where none is asked for", async () => {
  const model = await regressionStep(start(), 0, 1, { ema: 0.5 });
  const before = model.weights().get("bias")![0]!;
  await model.update([whole(regressionBatch(1))], 0.1);
  const after = model.weights().get("bias")![0]!;
  // the first step keeps (1 + 1) / (10 + 1) of the old
  expect(model.means()!.get("bias")![0]).toBeCloseTo(before * (2 / 11) + after * (9 / 11), 6);
  await model.dispose();
  await withStep(start(), async (plain) => {
    expect(plain.means()).toBeUndefined();
    expect(plain.state()).not.toHaveProperty("means");
  });
});
