import { describe, expect, it } from "vitest";
import { LoadGauge } from "./load-gauge.ts";

describe("LoadGauge", () => {
  it("comes near what is measured again and again, within a few seconds", () => {
    const gauge = new LoadGauge();
    for (let now = 0; now <= 5_000; now += 10) gauge.record(400, now);
    expect(gauge.valueMs(5_000)).toBeGreaterThan(380);
    for (let now = 5_010; now <= 10_000; now += 10) gauge.record(20, now);
    expect(gauge.valueMs(10_000)).toBeLessThan(40);
  });

  it("takes one slow step for no load", () => {
    const gauge = new LoadGauge();
    gauge.record(5, 0);
    gauge.record(1_000, 60_000);
    expect(gauge.valueMs(60_000)).toBeLessThan(250);
  });

  it("forgets while nothing is measured", () => {
    const gauge = new LoadGauge();
    for (let now = 0; now <= 5_000; now += 10) gauge.record(800, now);
    expect(gauge.valueMs(5_500)).toBeGreaterThan(700);
    expect(gauge.valueMs(9_000)).toBeLessThan(110);
    expect(gauge.valueMs(60_000)).toBeLessThan(1);
  });

  it("says to come again the later, the further it is past the limit", () => {
    const gauge = new LoadGauge();
    for (let now = 0; now <= 5_000; now += 10) gauge.record(800, now);
    expect([gauge.retryAfter(800, 5_000), gauge.retryAfter(100, 5_000)]).toEqual([2, 7]);
    expect(gauge.retryAfter(0.000001, 5_000)).toBe(30);
  });
});
