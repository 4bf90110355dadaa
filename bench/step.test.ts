// Timing steps with a stand-in for the model and a clock that counts.
import { expect, it } from "vitest";
import { StandInModel } from "../models/stand-in-model.ts";
import { measureSteps } from "./step.ts";

const measure = { batchSizes: [1, 4], stateLength: 8, steps: 3, rounds: 2, wait: 3 };

it("times every file and batch size on growing states, the first round aside", async () => {
  const fast = new StandInModel({ vocabularySize: 100 });
  const slow = new StandInModel({ vocabularySize: 100 });
  let milliseconds = 0;
  // Each look at the clock is 2 ms after the last.
  const now = () => {
    milliseconds += 2;
    return milliseconds;
  };
  const runners = [
    { name: "a.onnx", runner: fast },
    { name: "b.onnx", runner: slow },
  ];
  const rows = await measureSteps(runners, 100, measure, now);
  const stepMs = { p50: 2, p95: 2, samples: 6 };
  expect(rows).toEqual([
    { step: "a.onnx", batchSize: 1, stepMs, tokensPerSecond: 500 },
    { step: "a.onnx", batchSize: 4, stepMs, tokensPerSecond: 2000 },
    { step: "b.onnx", batchSize: 1, stepMs, tokensPerSecond: 500 },
    { step: "b.onnx", batchSize: 4, stepMs, tokensPerSecond: 2000 },
  ]);
  // Three rounds of one prefill and three steps at each size.
  expect(fast.batches).toEqual([1, 1, 1, 1, 4, 4, 4, 4, 1, 1, 1, 1, 4, 4, 4, 4, 1, 1, 1, 1, 4, 4, 4, 4]);
});

it("refuses states longer than the model can hold", async () => {
  const runners = [{ name: "a.onnx", runner: new StandInModel({ vocabularySize: 100, maxSourceTokens: 10 }) }];
  await expect(measureSteps(runners, 100, measure)).rejects.toThrow("11 source positions, the limit is 10");
});
