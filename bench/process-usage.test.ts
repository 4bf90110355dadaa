// Reading /proc: literal files, and this process where there is one.
import { existsSync } from "node:fs";
import { expect, it } from "vitest";
import { parseProcessUsage, readProcessUsage } from "./process-usage.ts";

const stat = "4711 (node (serve) x) S 1 4711 4711 0 -1 4194304 9000 0 12 0 250 50 0 0 20 0 11 0 100 900000 20000";
const status = "Name:\tnode\nVmPeak:\t  999999 kB\nVmHWM:\t   90000 kB\nVmRSS:\t   80000 kB\nThreads:\t11\n";

it("takes processor time of all threads and resident memory", () => {
  expect(parseProcessUsage(stat, status)).toEqual({
    ...{ cpuMs: 3000, rssBytes: 80_000 * 1024, peakRssBytes: 90_000 * 1024 },
  });
});

it("has none of a process without memory", () => {
  expect(parseProcessUsage(stat, "Name:\tnode\nState:\tZ (zombie)\n")).toBeUndefined();
});

it.skipIf(!existsSync("/proc/self/stat"))("reads this process", async () => {
  const usage = await readProcessUsage(process.pid);
  expect(usage?.cpuMs).toBeGreaterThan(0);
  expect(usage?.peakRssBytes).toBeGreaterThanOrEqual(usage?.rssBytes ?? Number.NaN);
});

it("has none of a process that is not there", async () => {
  expect(await readProcessUsage(2 ** 30)).toBeUndefined();
});
