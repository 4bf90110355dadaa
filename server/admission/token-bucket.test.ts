import { describe, expect, it } from "vitest";
import { TokenBucket } from "./token-bucket.ts";

describe("TokenBucket", () => {
  it("gives its burst at once, then as much as flows in, and says how long to wait", () => {
    const bucket = new TokenBucket({ perSecond: 2, burst: 4 }, 1000);
    expect(bucket.take(3, 1000)).toBe(0);
    expect(bucket.take(3, 1000)).toBe(1);
    expect(bucket.take(1, 1000)).toBe(0);
    expect(bucket.take(1, 1250)).toBe(0.25);
    expect(bucket.take(1, 1500)).toBe(0);
  });

  it("never holds more than its burst", () => {
    const bucket = new TokenBucket({ perSecond: 100, burst: 4 }, 0);
    bucket.take(4, 0);
    expect(bucket.full(39)).toBe(false);
    expect(bucket.full(60_000)).toBe(true);
    expect(bucket.take(4, 60_000)).toBe(0);
    expect(bucket.take(1, 60_000)).toBeGreaterThan(0);
  });

  it("lets one take through that is larger than itself, and makes it wait after that", () => {
    const bucket = new TokenBucket({ perSecond: 1, burst: 4 }, 0);
    expect(bucket.take(10, 0)).toBe(0);
    expect(bucket.take(1, 0)).toBe(7);
    expect(bucket.take(1, 6_900)).toBeCloseTo(0.1);
    expect(bucket.take(1, 7_000)).toBe(0);
  });

  it("takes back what was refused elsewhere, and a clock that goes back as one that stands", () => {
    const bucket = new TokenBucket({ perSecond: 1, burst: 2 }, 10_000);
    bucket.take(2, 10_000);
    bucket.giveBack(1);
    expect(bucket.take(1, 5_000)).toBe(0);
    expect(bucket.take(1, 5_000)).toBe(1);
    expect(bucket.take(1, 11_000)).toBe(0);
  });
});
