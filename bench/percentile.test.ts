// Nearest-rank percentiles and the median.
import { expect, it } from "vitest";
import { median, percentile } from "./percentile.ts";

it("takes the nearest rank", () => {
  const values = [15, 50, 20, 40, 35];
  expect([0, 5, 30, 40, 50, 100].map((percent) => percentile(values, percent))).toEqual([15, 15, 20, 20, 35, 50]);
  expect(values).toEqual([15, 50, 20, 40, 35]);
});

it("takes the middle", () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 2, 3])).toBe(2.5);
});

it("refuses an empty list", () => {
  expect(() => percentile([], 50)).toThrow(RangeError);
  expect(() => median([])).toThrow(RangeError);
});
