// Turns, searches and tables of a comparison, with contestants whose figures are given.
import { expect, it } from "vitest";
import { type CompareOptions, type CompareResult, type Contestant, MEASURES, takeTurns } from "./compare.ts";
import { advantage, compareMarkdown, compareRows, formatCompareResult } from "./compare-report.ts";
import type { LoadResult } from "./load.ts";

const machine = { cpu: "Test CPU", cores: 2, memoryBytes: 8 * 1024 ** 3, platform: "linux-x64", node: "v20.0.0" };
const options: CompareOptions = {
  ...{
    bundles: ["a", "b"],
    measures: MEASURES,
    rounds: 3,
    readings: ["word"],
    batchSizes: [1, 32],
    throughputSeconds: 1,
    wordsPerMinute: 150,
  },
  ...{ streams: 10, seconds: 5, warmupSeconds: 1, p99Ms: 100, from: 100, serveArguments: [] },
};

/** Holds `most` streams; each of its turns is a little slower than the last. */
function contestant(model: string, tokens: number, flush: number, most: number, order: string[]): Contestant {
  let turns = 0;
  const times = (p50: number, p99: number) => ({ count: 10, mean: p50, p50, p95: p99, p99, max: p99 });
  return {
    ...{
      model,
      bundle: `models/${model}`,
      type: model === "fast" ? "CTC" : "wait-k",
      precision: "int8",
      parameters: 4e6,
    },
    throughput: (reading, batchSize) => {
      turns += 1;
      order.push(`${model} ${reading} ${batchSize}`);
      const sourceTokensPerSecond = tokens * batchSize - turns;
      return Promise.resolve({
        ...{ sourceTokensPerSecond, targetTokensPerSecond: tokens, wordsPerSecond: tokens / 2, flushMs: flush },
        ...{ stepMs: 0.5, targetTokensPerSourceToken: 0.9 },
      });
    },
    load: (streams) => {
      order.push(`${model} load ${streams}`);
      const wordLatencyMs = times(2, streams <= most ? 50 : 150);
      const result: LoadResult = {
        options: { ...options, ...{ drainSeconds: 1, source: "en", target: "de", commit: true, url: "ws://x" } },
        summary: {
          ...{
            wordLatencyMs,
            firstDeltaMs: times(800, 900),
            firstDeltaLatencyMs: times(flush, 9),
            finalMs: times(flush, 9),
          },
          ...{ connectMs: null, serverMs: { latency: null, queue: null, compute: null } },
          ...{ wordsSent: 1, wordsFinal: 1, deltas: 1, finals: 1, errors: {} },
          violations: { sequence: 0, text: 0, read: 0, frame: 0, segment: 0 },
        },
        ...{
          connected: streams,
          completed: streams,
          wordsPlanned: 1,
          lostWords: 0,
          clean: true,
          server: null,
          machine,
        },
        generatorKeptUp: true,
        generator: { cpuShare: 0.1, eventLoopLagMs: { p50: 0, p99: 1, max: 2 }, sendLatenessMs: null },
      };
      return Promise.resolve(result);
    },
  };
}

async function compared(only: Partial<CompareOptions> = {}): Promise<{ result: CompareResult; order: string[] }> {
  const order: string[] = [];
  const contestants = [contestant("fast", 1000, 2, 400, order), contestant("slow", 500, 10, 100, order)];
  const asked = { ...options, ...only };
  const rounds = await takeTurns(contestants, asked, () => {});
  const models = contestants.map(({ throughput: _, load: __, ...model }, place) => ({
    ...model,
    rounds: rounds[place]!,
  }));
  return { result: { options: { ...asked, wait: 3, source: "en", target: "de" }, models, machine }, order };
}

it("takes turns in every measure, and begins later searches where the last one ended", async () => {
  const { order } = await compared({ rounds: 2 });
  const slow = "slow load";
  expect(order.slice(0, 6)).toEqual([
    ...["fast word 1", "slow word 1", "fast word 32", "slow word 32", "fast load 10", `${slow} 10`],
  ]);
  const tried = order.filter((one) => one.startsWith(slow)).map((one) => Number(one.slice(slow.length)));
  expect(tried).toEqual([
    10, 100, 200, 200, 150, 150, 125, 125, 113, 113, 107, 107, 10, 100, 125, 125, 113, 113, 107, 107,
  ]);
});

it("has medians, and how many times better the first is, whichever way is better", async () => {
  const { result } = await compared();
  const rows = compareRows(result);
  const row = (what: string) => rows.find((one) => one.what.startsWith(what))!;
  // Turns 1, 3 and 5 of each are those with batch 1.
  expect(row("source tokens/s, word by word, batch 1").values).toEqual([997, 497]);
  expect(advantage(row("source tokens/s, word by word, batch 1"), 1)).toBeCloseTo(997 / 497, 10);
  expect(row("final after the last word, ms, p50").values).toEqual([2, 10]);
  expect(advantage(row("final after the last word, ms, p50"), 1)).toBe(5);
  expect(advantage(row("target tokens for"), 1), "neither better nor worse").toBeUndefined();
  expect(row("streams held").values).toEqual([400, 100]);
  expect(result.models[1]!.rounds[0]!.streams!.tries[1]).toEqual({
    ...{ streams: 200, wordLatencyP99Ms: 150, held: false, clean: true, generatorKeptUp: true },
  });
});

it("is a table for a terminal and for a page", async () => {
  const { result } = await compared();
  expect(formatCompareResult(result)).toMatch(
    /^en-de, wait 3, medians of 3 alternating rounds; fast 4\.0 M, int8; slow/,
  );
  expect(formatCompareResult(result)).toMatch(/\nmeasure +fast \(CTC\) +slow \(wait-k\) +times better\n/);
  expect(compareMarkdown(result)).toContain("| streams held (p99 ≤ 100 ms) | 400 | 100 | 4.00 |");
  const { result: some } = await compared({ measures: ["throughput"], batchSizes: [1] });
  expect(compareRows(some).map(({ what }) => what)).not.toContain("streams held (p99 ≤ 100 ms)");
  expect(formatCompareResult(some)).not.toContain("speakers");
});

it("does not call held what was not clean, or what the generator could not send in time", async () => {
  const order: string[] = [];
  const honest = contestant("fast", 1000, 2, 400, order);
  const broken: Contestant = {
    ...honest,
    load: async (streams) => ({ ...(await honest.load(streams)), clean: streams < 150 }),
  };
  const late: Contestant = {
    ...honest,
    load: async (streams) => ({ ...(await honest.load(streams)), generatorKeptUp: streams < 60 }),
  };
  const rounds = await takeTurns([broken, late], { ...options, measures: ["streams"], rounds: 1 }, () => {});
  const [first, second] = rounds.map(([round]) => round!.streams!.held);
  expect(first).toBeGreaterThanOrEqual(135);
  expect(first).toBeLessThan(150);
  expect(second).toBeGreaterThanOrEqual(53);
  expect(second).toBeLessThan(60);
});

it("takes a server that refuses every stream for one that does not hold them", async () => {
  const honest = contestant("fast", 1000, 2, 400, []);
  const refusing: Contestant = {
    ...honest,
    load: (streams) => (streams > 120 ? Promise.reject(new Error("refused: overloaded")) : honest.load(streams)),
  };
  const [[round]] = await takeTurns([refusing], { ...options, measures: ["streams"], rounds: 1 }, () => {});
  expect(round!.streams).toMatchObject({
    held: 113,
    tries: expect.arrayContaining([
      {
        streams: 200,
        wordLatencyP99Ms: null,
        held: false,
        clean: false,
        generatorKeptUp: true,
        problem: "refused: overloaded",
      },
    ]),
  });
});
