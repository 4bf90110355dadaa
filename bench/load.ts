// `souffleur bench load`: a server under the load of many speakers, the generator and the server each in its own process.
import { type ChildProcess, fork } from "node:child_process";
import { builtFile } from "./built-file.ts";
import { SENTENCES } from "./fixtures/sentences.ts";
import { type GeneratorOptions, type GeneratorResult, generatorMessageSchema } from "./load-generator.ts";
import { streamUrl } from "./load-stream.ts";
import { describeMachine, type Machine } from "./machine.ts";
import { type ProcessUsage, readProcessUsage } from "./process-usage.ts";
import { startServer } from "./server-process.ts";

export interface LoadOptions {
  streams: number;
  wordsPerMinute: number;
  /** How long words are sent; the warm-up is part of it. */
  seconds: number;
  warmupSeconds: number;
  drainSeconds: number;
  source: string;
  target: string;
  /** The bundle's default when left out. */
  wait?: number | "full";
  commit: boolean;
  /** A server that runs already; else one is started and measured. */
  url?: string;
  /** Arguments for the `serve` of the server that is started. */
  serveArguments?: readonly string[];
  /** What is said; else sentences of the source language that come with the benchmark (en, de). */
  sentences?: readonly string[];
}

/** The server's own use of the machine; only of a server that the benchmark started, on Linux. */
export interface ServerUsage {
  /** Processor time by wall time from the end of the warm-up to the last word; 1 is a whole core. */
  cpuShare: number;
  /** Before the first stream, with all streams open and silent, and the most over the whole run. */
  rssBytes: { start: number; connected: number; peak: number };
}

export interface LoadResult extends GeneratorResult {
  options: Omit<LoadOptions, "sentences" | "serveArguments"> & { url: string };
  /** Source words of opened streams that no final has: lost, refused or never sent. */
  lostWords: number;
  /** The generator kept its times (99 % of words at most 20 ms late): else it is the generator that was measured. */
  generatorKeptUp: boolean;
  /** All streams opened and done, nothing lost, no error, no promise of the protocol broken. */
  clean: boolean;
  server: ServerUsage | null;
  machine: Machine;
}

const LATE_MS = 20;

/**
 * Runs a load and says what it met. Progress goes to `onProgress`, a line at a time.
 *
 * @throws Error when the server does not start, no stream opens, or the generator fails
 * @throws RangeError when the warm-up leaves nothing to measure or there is no text in the source language
 */
export async function benchLoad(
  options: LoadOptions,
  onProgress: (line: string) => void = () => {},
): Promise<LoadResult> {
  if (options.warmupSeconds >= options.seconds) {
    throw new RangeError(`a warm-up of ${options.warmupSeconds} s leaves nothing of ${options.seconds} s to measure`);
  }
  const { sentences = SENTENCES[options.source], url: given, serveArguments = [], ...rest } = options;
  if (sentences === undefined)
    throw new RangeError(`no text in "${options.source}" comes with the benchmark: give one`);
  const server = given === undefined ? await startServer(serveArguments) : undefined;
  const url = streamUrl(server?.url ?? given ?? "");
  const usage: ProcessUsage[] = [];
  const usageAt: number[] = [];
  const look = async () => {
    const now = server && (await readProcessUsage(server.pid));
    if (now !== undefined) usage.push(now);
    usageAt.push(performance.now());
  };
  try {
    await look();
    const result = await runInProcess({ ...rest, url, sentences: [...sentences] }, async (phase) => {
      await look();
      onProgress(PROGRESS[phase](options));
    });
    await look();
    return withVerdict({ ...rest, url }, result, serverUsage(usage, usageAt));
  } finally {
    await server?.stop();
  }
}

const PROGRESS = {
  connected: (options: LoadOptions) => `${options.streams} streams open`,
  measuring: (options: LoadOptions) => `warm-up over, measuring for ${options.seconds - options.warmupSeconds} s`,
  spoken: () => "last word sent, waiting for what is left",
};

function runInProcess(
  options: GeneratorOptions,
  onPhase: (phase: keyof typeof PROGRESS) => Promise<void>,
): Promise<GeneratorResult> {
  const child: ChildProcess = fork(builtFile("bench/load-worker.js"), [], { execArgv: [] });
  child.send(options);
  // One after the other: a phase is looked at whole before the next message counts.
  let handled = Promise.resolve();
  return new Promise((resolve, reject) => {
    const handle = async (data: unknown) => {
      const message = generatorMessageSchema.parse(data);
      if (message.type === "result") return resolve(message.result);
      if (message.type === "failure") throw new Error(message.message);
      await onPhase(message.phase);
      if (message.phase === "connected") child.send("go");
    };
    child.on("message", (data) => {
      handled = handled.then(() => handle(data)).catch(reject);
    });
    child.on("error", reject);
    child.on("exit", (code, signal) => {
      void handled.then(() => reject(new Error(`the load generator ended early (${signal ?? code})`)));
    });
  });
}

/** The looks are: before the streams, connected, measuring, spoken, at the end. */
function serverUsage(usage: readonly ProcessUsage[], usageAt: readonly number[]): ServerUsage | null {
  if (usage.length !== 5 || usageAt.length !== 5) return null;
  const [start, connected, measuring, spoken, end] = usage;
  return {
    cpuShare: (spoken.cpuMs - measuring.cpuMs) / (usageAt[3] - usageAt[2]),
    rssBytes: { start: start.rssBytes, connected: connected.rssBytes, peak: end.peakRssBytes },
  };
}

function withVerdict(options: LoadResult["options"], result: GeneratorResult, server: ServerUsage | null): LoadResult {
  const { summary, connected, completed, wordsPlanned, generator } = result;
  const lostWords = wordsPlanned - summary.wordsFinal;
  const broken = Object.values(summary.violations).some((count) => count > 0);
  const clean =
    connected === options.streams &&
    completed === connected &&
    lostWords === 0 &&
    Object.keys(summary.errors).length === 0 &&
    !broken;
  const generatorKeptUp = (generator.sendLatenessMs?.p99 ?? 0) <= LATE_MS;
  return { options, ...result, lostWords, generatorKeptUp, clean, server, machine: describeMachine() };
}
