// Turns, medians and the knee of a sweep, with loads whose figures are given.
import { expect, it } from "vitest";
import type { LoadOptions, LoadResult } from "./load.ts";
import { benchSweep, type SweepOptions } from "./sweep.ts";
import { formatSweepResult } from "./sweep-command.ts";

const machine = { cpu: "Test CPU", cores: 2, memoryBytes: 8 * 1024 ** 3, platform: "linux-x64", node: "v20.0.0" };
const options: SweepOptions = {
  ...{ streams: [100, 200, 400], transports: ["uws", "ws"], rounds: 3, p99Ms: 100, wordsPerMinute: 150, seconds: 10 },
  ...{
    warmupSeconds: 2,
    drainSeconds: 5,
    source: "en",
    target: "de",
    commit: true,
    serveArguments: ["--workers", "1"],
  },
};

function loadOf(asked: LoadOptions, p99: number, lostWords = 0): LoadResult {
  const times = { count: 10, mean: 2, p50: p99 / 10, p95: p99 / 2, p99, max: p99 };
  return {
    options: { ...asked, url: "ws://x" },
    summary: {
      ...{ wordLatencyMs: times, firstDeltaMs: times, firstDeltaLatencyMs: times, finalMs: times, connectMs: null },
      serverMs: { latency: null, queue: null, compute: null },
      ...{ wordsSent: asked.streams * 25, wordsFinal: asked.streams * 25, deltas: 1, finals: 1, errors: {} },
      violations: { sequence: 0, text: 0, read: 0, frame: 0, segment: 0 },
    },
    ...{ connected: asked.streams, completed: asked.streams, wordsPlanned: 1, lostWords, clean: lostWords === 0 },
    server: { cpuShare: 0.5, rssBytes: { start: 1, connected: 2, peak: 300 * 1024 ** 2 } },
    ...{ generatorKeptUp: true, machine },
    generator: { cpuShare: 0.1, eventLoopLagMs: { p50: 0, p99: 1, max: 2 }, sendLatenessMs: times },
  };
}

it("takes turns, starts each try with its transport, and has the medians of the rounds", async () => {
  const order: string[] = [];
  const p99s = [30, 10, 20];
  const result = await benchSweep({ ...options, streams: [100] }, undefined, (asked) => {
    order.push([asked.streams, ...(asked.serveArguments ?? [])].join(" "));
    return Promise.resolve(loadOf(asked, p99s[Math.floor((order.length - 1) / 2)]!));
  });
  expect(order.slice(0, 2)).toEqual(["100 --workers 1 --transport uws", "100 --workers 1 --transport ws"]);
  expect(order).toHaveLength(6);
  expect(result.rows.map(({ transport, wordLatencyMs }) => [transport, wordLatencyMs])).toEqual([
    ["uws", { p50: 2, p95: 10, p99: 20 }],
    ["ws", { p50: 2, p95: 10, p99: 20 }],
  ]);
  expect(result.rows[0]).toMatchObject({ wordsPerSecond: 250, lostWords: 0, heldRounds: 3, rounds: 3 });
});

it("finds the knee of each transport: most rounds held, there and at every try below", async () => {
  const result = await benchSweep(options, undefined, (asked) => {
    const isUws = asked.serveArguments?.at(-1) === "uws";
    if (isUws) return Promise.resolve(loadOf(asked, asked.streams > 200 ? 150 : 50));
    return Promise.resolve(loadOf(asked, 50, asked.streams === 100 ? 1 : 0));
  });
  expect(result.knee).toEqual({ uws: 200, ws: 0 });
  const text = formatSweepResult(result, false);
  expect(text).toContain("held with a p99 of 100 ms or less: 200 streams on uws, 0 streams on ws");
  expect(formatSweepResult(result, true)).toContain("| uws | 400 |");
});

it("counts a server that refuses everybody as not held, and says why", async () => {
  const said: string[] = [];
  const result = await benchSweep(
    { ...options, streams: [100], transports: ["ws"], rounds: 1 },
    (line) => said.push(line),
    () => Promise.reject(new Error("no stream could be opened")),
  );
  expect(result.rows[0]).toMatchObject({ heldRounds: 0, rounds: 1, wordLatencyMs: undefined });
  expect(said).toEqual(["round 1 of 1: ws, 100 streams, no stream could be opened"]);
  await expect(benchSweep(options, undefined, () => Promise.reject(new RangeError("no text")))).rejects.toThrow(
    "no text",
  );
});
