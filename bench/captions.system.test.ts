import { expect, it } from "vitest";
import { benchCaptions, formatCaptionsResult } from "./captions.ts";

it("times each caption at each receiver", async () => {
  const result = await benchCaptions({ style: "bbc-live", wpm: 3_000, seconds: 2, segmentSeconds: 1 });
  expect(result.caption.count).toBeGreaterThan(3);
  for (const name of ["youtube", "zoom", "obs", "hls"] as const) expect(result[name].count).toBe(result.caption.count);
  expect(result.hls.p99).toBeGreaterThanOrEqual(result.hls.p50);
  expect(formatCaptionsResult(result)).toContain(`p50 ${result.obs.p50} ms`);
});
