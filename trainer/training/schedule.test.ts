import { expect, test } from "vitest";
import { learningRate } from "./schedule.ts";

const settings = { peak: 0.002, warmUpSteps: 400, totalSteps: 2000 };

test("both decays rise in a line to the peak", () => {
  for (const decay of ["inverse-sqrt", "cosine"] as const) {
    const rates = [1, 100, 399, 400].map((step) => learningRate(step, { ...settings, decay }));
    [0.000005, 0.0005, 0.001995, 0.002].forEach((rate, index) => {
      expect(rates[index]).toBeCloseTo(rate, 12);
    });
  }
});

test("the inverse square root halves with four times the steps", () => {
  const rates = [1600, 6400, 40_000].map((step) => learningRate(step, { ...settings, decay: "inverse-sqrt" }));
  [0.001, 0.0005, 0.0002].forEach((rate, index) => {
    expect(rates[index]).toBeCloseTo(rate, 12);
  });
});

test("the cosine passes the middle at 55 % and ends at a tenth, where it stays", () => {
  const rates = [1200, 2000, 3000].map((step) => learningRate(step, { ...settings, decay: "cosine" }));
  [0.0011, 0.0002, 0.0002].forEach((rate, index) => {
    expect(rates[index]).toBeCloseTo(rate, 12);
  });
});

test("no warm-up starts at the peak, and a run as short as its warm-up divides by nothing", () => {
  expect(learningRate(1, { peak: 1, warmUpSteps: 0, totalSteps: 10, decay: "cosine" })).toBeCloseTo(0.978, 3);
  expect(learningRate(4, { peak: 1, warmUpSteps: 0, totalSteps: 10, decay: "inverse-sqrt" })).toBe(0.5);
  expect(learningRate(5, { peak: 1, warmUpSteps: 5, totalSteps: 5, decay: "cosine" })).toBe(1);
});
