// Medians of training steps, with a clock that is told.
import { expect, it } from "vitest";
import { benchTrain } from "./train.ts";

it("reports medians of what it counted", async () => {
  const durations = [900, 900, 900, 100, 400, 200];
  let clock = 0;
  let step = 0;
  const runStep = () => {
    clock += durations[step];
    step += 1;
    return Promise.resolve({ sourceTokens: 100, targetTokens: 200 });
  };
  const result = await benchTrain(3, runStep, () => clock);
  expect(result).toMatchObject({
    ...{ steps: 3, warmupSteps: 3, stepMs: { p50: 200, p95: 400 } },
    ...{ sourceTokensPerSecond: 500, targetTokensPerSecond: 1000 },
  });
});

it("refuses to count no steps", async () => {
  await expect(benchTrain(0, () => Promise.reject(new Error("not run")))).rejects.toThrow("steps must be 1 or more");
});
