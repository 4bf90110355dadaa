// What a person reads after a benchmark.
import { describe, expect, it } from "vitest";
import type { LoadResult } from "./load.ts";
import { formatLoadResult, formatStepResult, formatTrainResult } from "./report.ts";

const machine = { cpu: "Test CPU", cores: 2, memoryBytes: 8 * 1024 ** 3, platform: "linux-x64", node: "v20.0.0" };

const load: LoadResult = {
  options: {
    ...{ streams: 10, wordsPerMinute: 150, seconds: 30, warmupSeconds: 3, drainSeconds: 15 },
    ...{ source: "en", target: "de", commit: true, url: "ws://127.0.0.1:8080/v1/stream" },
  },
  summary: {
    wordLatencyMs: { count: 500, mean: 12.34, p50: 11, p95: 20, p99: 31.5, max: 40 },
    firstDeltaMs: { count: 60, mean: 1210, p50: 1205, p95: 1400, p99: 1450, max: 1460 },
    firstDeltaLatencyMs: { count: 60, mean: 13, p50: 12, p95: 21, p99: 32, max: 33 },
    finalMs: { count: 60, mean: 18, p50: 17, p95: 25, p99: 30, max: 33 },
    connectMs: { count: 10, mean: 3, p50: 3, p95: 4, p99: 4, max: 4 },
    serverMs: { latency: null, queue: null, compute: null },
    ...{ wordsSent: 750, wordsFinal: 748, deltas: 560, finals: 70 },
    violations: { sequence: 0, text: 0, read: 0, frame: 0, segment: 0 },
    errors: { overloaded: 2 },
  },
  ...{ connected: 10, completed: 10, wordsPlanned: 750, lostWords: 2, generatorKeptUp: true, clean: false },
  generator: {
    cpuShare: 0.082,
    eventLoopLagMs: { p50: 0.1, p99: 1.2, max: 6 },
    sendLatenessMs: { count: 675, mean: 0.5, p50: 0.5, p95: 1, p99: 1.2, max: 5 },
  },
  server: { cpuShare: 0.61, rssBytes: { start: 90 * 1024 ** 2, connected: 95 * 1024 ** 2, peak: 130 * 1024 ** 2 } },
  machine,
};

describe("formatLoadResult", () => {
  it("shows latencies, losses, errors and who took what", () => {
    expect(formatLoadResult(load)).toMatchInlineSnapshot(`
      "10 streams, 150 words a minute each, 30 s (3 s warm-up), en-de, the bundle's wait, ws://127.0.0.1:8080/v1/stream
      milliseconds                count    mean     p50     p95     p99     max
      --------------------------  -----  ------  ------  ------  ------  ------
      word latency                  500    12.3    11.0    20.0    31.5    40.0
      first delta                    60  1210.0  1205.0  1400.0  1450.0  1460.0
      first delta after its word     60    13.0    12.0    21.0    32.0    33.0
      final after commit             60    18.0    17.0    25.0    30.0    33.0
      connect                        10     3.0     3.0     4.0     4.0     4.0
      server: latency                 -       -       -       -       -       -
      server: queue                   -       -       -       -       -       -
      server: compute                 -       -       -       -       -       -
      generator: sent late          675     0.5     0.5     1.0     1.2     5.0
      streams    10 opened, 10 done
      words      750 sent, 748 in finals, 2 lost; 560 deltas, 70 finals
      errors     overloaded: 2
      violations none
      generator  8 % of a core, event loop late p99 1.2 ms, max 6.0 ms
      server     61 % of a core; memory 90 MB at start, 95 MB with all streams open, 130 MB at most
      machine    2 × Test CPU, 8192 MB, linux-x64, Node v20.0.0
      NOT CLEAN: streams failed, words were lost, or the protocol was broken"
    `);
  });

  it("says when all was well, and when the generator was too slow", () => {
    expect(formatLoadResult({ ...load, clean: true })).toMatch(/clean: nothing lost, no errors$/);
    expect(formatLoadResult({ ...load, clean: true, generatorKeptUp: false })).toContain("did not keep up");
  });
});

it("shows steps by file and batch size", () => {
  const options = { bundle: "b", batchSizes: [1], stateLength: 8, steps: 16, rounds: 5, wait: 3 };
  const rows = [{ step: "step.onnx", batchSize: 1, stepMs: { p50: 1.5, p95: 2, samples: 80 }, tokensPerSecond: 666.7 }];
  expect(formatStepResult({ options, rows, machine })).toMatchInlineSnapshot(`
    "one new source token a row, 8 to 24 tokens read, wait 3, one thread
    step file  rows  p50 ms  p95 ms  tokens/s  samples
    ---------  ----  ------  ------  --------  -------
    step.onnx     1    1.50    2.00       667       80
    machine    2 × Test CPU, 8192 MB, linux-x64, Node v20.0.0"
  `);
});

it("shows training speed", () => {
  const result = { steps: 20, warmupSteps: 3, stepMs: { p50: 800, p95: 850 }, machine };
  const text = formatTrainResult({ ...result, sourceTokensPerSecond: 1500.4, targetTokensPerSecond: 1600 });
  expect(text).toContain("tokens/s   1500 source, 1600 target (medians)");
});
