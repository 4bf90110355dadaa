// `souffleur bench sweep`: the same server under more and more speakers, on each transport in turns, to find where it bends.
import { benchLoad, type LoadOptions, type LoadResult } from "./load.ts";
import { describeMachine, type Machine } from "./machine.ts";
import { median } from "./percentile.ts";

export const TRANSPORTS = ["uws", "ws"] as const;
export type Transport = (typeof TRANSPORTS)[number];

export interface SweepOptions extends Omit<LoadOptions, "streams" | "url"> {
  /** Speakers of each try. */
  streams: readonly number[];
  transports: readonly Transport[];
  /** Turns of each transport at each number of streams. */
  rounds: number;
  /** Streams are held while the p99 of the word latency is no more than this. */
  p99Ms: number;
}

/** One number of streams on one transport: medians over the rounds. */
export interface SweepRow {
  transport: Transport;
  streams: number;
  /** Words spoken in a second, all streams together. */
  wordsPerSecond: number;
  /** Milliseconds from when a word was due; undefined where no delta came. */
  wordLatencyMs: { p50: number; p95: number; p99: number } | undefined;
  finalP95Ms: number | undefined;
  /** Cores; undefined where the system does not tell. */
  serverCpuShare: number | undefined;
  generatorCpuShare: number;
  /** How late the slowest hundredth of the words was sent. */
  sendLatenessP99Ms: number | undefined;
  peakRssBytes: number | undefined;
  /** Of all rounds together. */
  lostWords: number;
  /** Rounds that were clean, with a generator that kept its times and the p99 within the limit. */
  heldRounds: number;
  rounds: number;
}

export interface SweepResult {
  options: Omit<SweepOptions, "sentences" | "serveArguments">;
  rows: SweepRow[];
  /** The most streams that were held in most of the rounds, and all tries below them; 0 when none was. */
  knee: Partial<Record<Transport, number>>;
  machine: Machine;
}

/** Runs one load; a test brings its own. */
export type RunLoad = (options: LoadOptions) => Promise<LoadResult>;

/**
 * Every try is a server of its own, so that none suffers from what the try before left behind; transports take turns, so
 * that a slow moment of the machine meets both.
 *
 * @throws RangeError as `benchLoad`. A try without any stream (the server does not start, or refuses what it cannot serve)
 * counts as not held, and `onProgress` says why.
 */
export async function benchSweep(
  options: SweepOptions,
  onProgress: (line: string) => void = () => {},
  run: RunLoad = benchLoad,
): Promise<SweepResult> {
  const { streams: tries, transports, rounds, p99Ms, sentences, serveArguments = [], ...load } = options;
  const found = new Map<string, (LoadResult | undefined)[]>();
  for (let round = 1; round <= rounds; round++) {
    for (const streams of tries) {
      for (const transport of transports) {
        const asked = { ...load, streams, sentences, serveArguments: [...serveArguments, "--transport", transport] };
        let result: LoadResult | undefined;
        let said: string;
        try {
          result = await run(asked);
          said = `p99 ${result.summary.wordLatencyMs?.p99.toFixed(1) ?? "-"} ms: ${isHeld(result, p99Ms) ? "" : "not "}held`;
        } catch (error) {
          if (error instanceof RangeError) throw error; // asked for what cannot be, and so would all others be
          said = error instanceof Error ? error.message : String(error);
        }
        found.set(keyOf(transport, streams), [...(found.get(keyOf(transport, streams)) ?? []), result]);
        onProgress(`round ${round} of ${rounds}: ${transport}, ${streams} streams, ${said}`);
      }
    }
  }
  const rows = transports.flatMap((transport) =>
    tries.map((streams) => rowOf(transport, streams, found.get(keyOf(transport, streams)) ?? [], p99Ms)),
  );
  const knee = Object.fromEntries(transports.map((transport) => [transport, kneeOf(transport, rows)]));
  return { options: { ...load, streams: tries, transports, rounds, p99Ms }, rows, knee, machine: describeMachine() };
}

const keyOf = (transport: Transport, streams: number): string => `${transport} ${streams}`;

function isHeld({ clean, generatorKeptUp, summary }: LoadResult, p99Ms: number): boolean {
  const p99 = summary.wordLatencyMs?.p99;
  return clean && generatorKeptUp && p99 !== undefined && p99 <= p99Ms;
}

function rowOf(
  transport: Transport,
  streams: number,
  tries: readonly (LoadResult | undefined)[],
  p99Ms: number,
): SweepRow {
  const loads = tries.filter((load) => load !== undefined);
  const middle = (of: (load: LoadResult) => number | undefined): number | undefined => {
    const values = loads.map(of).filter((value) => value !== undefined);
    return values.length > 0 ? median(values) : undefined;
  };
  const at = (percentile: "p50" | "p95" | "p99") => middle(({ summary }) => summary.wordLatencyMs?.[percentile]);
  const [p50, p95, p99] = [at("p50"), at("p95"), at("p99")];
  return {
    ...{ transport, streams, rounds: tries.length },
    wordsPerSecond: middle(({ summary, options }) => summary.wordsSent / options.seconds) ?? 0,
    wordLatencyMs: p50 === undefined || p95 === undefined || p99 === undefined ? undefined : { p50, p95, p99 },
    finalP95Ms: middle(({ summary }) => summary.finalMs?.p95),
    serverCpuShare: middle(({ server }) => server?.cpuShare),
    generatorCpuShare: middle(({ generator }) => generator.cpuShare) ?? 0,
    sendLatenessP99Ms: middle(({ generator }) => generator.sendLatenessMs?.p99),
    peakRssBytes: middle(({ server }) => server?.rssBytes.peak),
    lostWords: loads.reduce((total, { lostWords }) => total + lostWords, 0),
    heldRounds: loads.filter((load) => isHeld(load, p99Ms)).length,
  };
}

/** Hiccups of the machine fail a single round and never pass one, so most rounds decide. */
function kneeOf(transport: Transport, rows: readonly SweepRow[]): number {
  const own = rows.filter((row) => row.transport === transport).sort((a, b) => a.streams - b.streams);
  const firstFailed = own.findIndex(({ heldRounds, rounds }) => heldRounds * 2 <= rounds);
  const held = firstFailed < 0 ? own : own.slice(0, firstFailed);
  return held.at(-1)?.streams ?? 0;
}
