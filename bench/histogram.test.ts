// The histogram's bounds against exact percentiles, and its edges.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Histogram } from "./histogram.ts";
import { percentile } from "./percentile.ts";

function histogramOf(values: readonly number[]): Histogram {
  const histogram = new Histogram();
  for (const value of values) histogram.record(value);
  return histogram;
}

describe("Histogram", () => {
  it("is never below the exact percentile and at most 1.1 % above", () => {
    const durations = fc.array(fc.double({ min: 0.001, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(durations, fc.integer({ min: 0, max: 100 }), (values, percent) => {
        const exact = percentile(values, percent);
        const estimate = histogramOf(values).percentile(percent);
        expect(estimate).toBeGreaterThanOrEqual(exact * (1 - 1e-12));
        expect(estimate).toBeLessThanOrEqual(exact * 1.011);
      }),
    );
  });

  it("summarizes", () => {
    const summary = histogramOf(Array.from({ length: 100 }, (_, index) => index + 1)).summary();
    expect(summary).toMatchObject({ count: 100, mean: 50.5, max: 100 });
    expect((summary?.p50 ?? 0) / 50).toBeCloseTo(1, 1);
    expect((summary?.p99 ?? 0) / 99).toBeCloseTo(1, 1);
  });

  it("has exact figures for one value", () => {
    expect(histogramOf([12.3]).summary()).toEqual({ count: 1, mean: 12.3, p50: 12.3, p95: 12.3, p99: 12.3, max: 12.3 });
  });

  it("takes zero and the very large", () => {
    const histogram = histogramOf([0, 1e12]);
    expect(histogram.percentile(1)).toBeLessThan(0.001);
    expect(histogram.summary()?.max).toBe(1e12);
  });

  it("has no summary of nothing and refuses what is no duration", () => {
    expect(new Histogram().summary()).toBeNull();
    expect(new Histogram().percentile(50)).toBeNaN();
    expect(() => new Histogram().record(-1)).toThrow(RangeError);
    expect(() => new Histogram().record(Number.NaN)).toThrow(RangeError);
  });
});
