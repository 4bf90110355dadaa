import { expect, test } from "vitest";
import { MovingAverage } from "./moving-average.ts";

const weights = (...values: number[]) => new Map([["w", Float32Array.from(values)]]);
const only = (average: MovingAverage) => Array.from(average.weights().get("w")!);

test("each step takes in its share of the weights, at first a large one", () => {
  const average = new MovingAverage(0.5, weights(0, 8));
  average.add(weights(11, 8), 1); // (1 + 1) / (10 + 1) of the old one stays
  expect(only(average)[0]).toBeCloseTo(9);
  average.add(weights(21, 0), 100); // from now on the decay does: half
  expect(only(average)).toEqual([15, 4]);
});

test("what was taken out does not change, and what is put in again goes on the same", () => {
  const whole = new MovingAverage(0.9, weights(1));
  whole.add(weights(2), 1);
  const taken = whole.weights();
  const resumed = new MovingAverage(0.9, taken);
  for (const average of [whole, resumed]) average.add(weights(5), 2);
  expect(only(resumed)).toEqual(only(whole));
  expect(taken.get("w")![0]).not.toBe(only(whole)[0]);
});

test("weights of another network are refused", () => {
  expect(() => new MovingAverage(0.9, weights(1)).add(weights(1, 2), 1)).toThrow("parameter w is not among");
});
