import { expect, test } from "vitest";
import {
  freshState,
  REGRESSION_ACTIVATION,
  regressionBatch,
  regressionSpecs,
  regressionStep,
  regressionWeights,
} from "./tiny-regression.testing.ts";
import type { OptimizerState, StepMetrics, TrainingStep } from "./training-step.ts";

async function updates(model: TrainingStep, from: number, to: number, rate = 0.05): Promise<StepMetrics[]> {
  const all: StepMetrics[] = [];
  for (let number = from; number <= to; number += 1) {
    all.push(await model.update(regressionBatch(number), rate, REGRESSION_ACTIVATION));
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
        for (let step = 0; step < 6; step += 1)
          metrics.push(await model.update(regressionBatch(1), 0, REGRESSION_ACTIVATION));
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
