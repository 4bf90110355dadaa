// Medians of training steps, with a clock that is told.
import { expect, it } from "vitest";
import { benchTrain, benchTurns } from "./train.ts";

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

it("lets contenders take turns, and compares each round's times", async () => {
  const order: string[] = [];
  const contender = (name: string, times: readonly number[]) => {
    let turn = 0;
    return () => {
      order.push(name);
      turn += 1;
      return Promise.resolve({ ms: times[turn - 1], peakBytes: 1000 * turn });
    };
  };
  const ours = contender("ours", [900, 900, 900, 100, 300, 200]); // the machine was slow in the second round
  const result = await benchTurns(3, 50, { ours, peer: contender("peer", [9, 9, 9, 120, 330, 260]) });
  expect(order.slice(0, 4)).toEqual(["ours", "peer", "ours", "peer"]);
  expect(result).toMatchObject({ rounds: 3, warmupRounds: 3, tokens: 50 });
  const [first, second] = result.contenders;
  expect(first).toMatchObject({ name: "ours", stepMs: { p50: 200, best: 100 }, targetTokensPerSecond: 250, ratio: 1 });
  expect(second).toMatchObject({ name: "peer", stepMs: { p50: 260, best: 120 }, peakBytes: 6000 });
  expect(second.ratio).toBeCloseTo(1.2, 10);
  await expect(benchTurns(0, 50, { ours })).rejects.toThrow("rounds must be 1 or more");
});
