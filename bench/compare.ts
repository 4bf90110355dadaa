// `souffleur bench compare`: students beside each other on the same engine and server, taking turns, in one run.
import { setTimeout } from "node:timers/promises";
import * as ort from "onnxruntime-node";
import { loadBundle } from "../models/bundle.ts";
import { BundleError } from "../models/bundle-error.ts";
import { SourceStream } from "../models/source-stream.ts";
import { isStudent, openStudent, type StudentModel } from "../models/student-model.ts";
import { chosenTarget, sourcePrefix } from "../models/tags.ts";
import type { Tokenizer } from "../models/tokenizer.ts";
import type { Wait } from "../models/wait.ts";
import { SENTENCES } from "./fixtures/sentences.ts";
import { benchLoad, type LoadResult } from "./load.ts";
import { describeMachine, type Machine } from "./machine.ts";
import { type ServerProcess, startServer } from "./server-process.ts";
import { ONE_THREAD } from "./step.ts";
import { streamsHeld } from "./streams-held.ts";
import { measureThroughput, type Reading, type Throughput, type WordIds } from "./throughput.ts";

export const MEASURES = ["throughput", "latency", "streams"] as const;
export type Measure = (typeof MEASURES)[number];

export interface CompareOptions {
  /** At least two students of one pair; the others are compared with the first. */
  bundles: readonly string[];
  measures: readonly Measure[];
  /** The first bundle's default when left out. */
  wait?: Wait;
  /** Written language, where the bundles have several. */
  target?: string;
  rounds: number;
  readings: readonly Reading[];
  /** Sessions in every step of the throughput. */
  batchSizes: readonly number[];
  /** Of each throughput, after a second that is not counted. */
  throughputSeconds: number;
  wordsPerMinute: number;
  /** Speakers of the latency. */
  streams: number;
  /** How long the speakers of each load speak, warm-up included. */
  seconds: number;
  warmupSeconds: number;
  /** Streams are held while the p99 of the word latency is no more than this. */
  p99Ms: number;
  /** Streams of the first search's first try. */
  from: number;
  sentences?: readonly string[];
  /** Further arguments of both servers. */
  serveArguments: readonly string[];
}

/** A model's name as the tables have it, and what it is. */
export interface Compared {
  model: string;
  bundle: string;
  type: string;
  precision: string;
  parameters: number;
}

/** What one try of a load gave. */
export interface LoadTry {
  streams: number;
  wordLatencyP99Ms: number | null;
  held: boolean;
  clean: boolean;
  generatorKeptUp: boolean;
  /** Why there was no load at all. */
  problem?: string;
}

/** One model in one round. */
export interface CompareRound {
  throughput: (Throughput & { reading: Reading; batchSize: number })[];
  latency?: Pick<LoadResult["summary"], "wordLatencyMs" | "firstDeltaMs" | "firstDeltaLatencyMs" | "finalMs">;
  streams?: { held: number; tries: LoadTry[] };
}

export interface CompareResult {
  options: Omit<CompareOptions, "sentences" | "wait"> & { wait: Wait; source: string; target: string };
  models: (Compared & { rounds: CompareRound[] })[];
  machine: Machine;
}

/** What is measured with; a test brings its own. */
export interface Contestant extends Compared {
  throughput(reading: Reading, batchSize: number): Promise<Throughput>;
  /** @returns what so many speakers met. */
  load(streams: number): Promise<LoadResult>;
}

const FIRST_FACTOR = 2;
/** Later searches begin where the last one ended. */
const LATER_FACTOR = 1.25;
const WITHIN = 0.1;
const MOST_STREAMS = 10_000;
const THROUGHPUT_WARMUP_SECONDS = 1;
const DRAIN_SECONDS = 10;
const SETTLE_MS = 1000;

/**
 * Measures the bundles in turns, round after round, so that a slow moment of the machine meets all of them. Throughput
 * runs the engine's segments and batches in this process on one thread; latency and streams held are of a server each,
 * of its own process, that stands idle while another one's turn is.
 *
 * @throws BundleError for a teacher; RangeError where the bundles have no pair in common or there is no text in their
 * language; Error when a server does not start
 */
export async function benchCompare(
  options: CompareOptions,
  onProgress: (line: string) => void = () => {},
): Promise<CompareResult> {
  const opened = await openAll(options);
  const { pair, wait } = opened;
  const servers: ServerProcess[] = [];
  try {
    if (options.measures.some((measure) => measure !== "throughput")) {
      for (const bundle of options.bundles) {
        servers.push(await startServer(["--bundle", bundle, ...options.serveArguments]));
      }
    }
    const contestants = opened.students.map(({ compared, model, sentences, prefix }, place): Contestant => {
      const seconds = { warmupSeconds: THROUGHPUT_WARMUP_SECONDS, seconds: options.throughputSeconds };
      return {
        ...compared,
        throughput: (reading, batchSize) =>
          measureThroughput(model, sentences, { reading, batchSize, wait, prefix, ...seconds }),
        load: async (streams) => {
          await setTimeout(SETTLE_MS); // what the load before left behind
          return benchLoad({
            ...{ ...pair, wait, streams, commit: true, url: servers[place]!.url, sentences: opened.text },
            ...{ wordsPerMinute: options.wordsPerMinute, seconds: options.seconds },
            ...{ warmupSeconds: options.warmupSeconds, drainSeconds: DRAIN_SECONDS },
          });
        },
      };
    });
    const rounds = await takeTurns(contestants, options, onProgress);
    const models = opened.students.map(({ compared }, place) => ({ ...compared, rounds: rounds[place]! }));
    const { sentences: _, ...kept } = options;
    return { options: { ...kept, ...pair, wait }, models, machine: describeMachine() };
  } finally {
    for (const server of servers) await server.stop();
    for (const { model } of opened.students) await model.release();
  }
}

/** @returns for each contestant what it did, round by round. */
export async function takeTurns(
  contestants: readonly Contestant[],
  { measures, rounds, readings, batchSizes, streams, p99Ms, from }: CompareOptions,
  onProgress: (line: string) => void,
): Promise<CompareRound[][]> {
  const done: CompareRound[][] = contestants.map(() => []);
  for (let round = 0; round < rounds; round++) {
    const found = contestants.map((): CompareRound => ({ throughput: [] }));
    const turn = async (
      what: string,
      act: (contestant: Contestant, result: CompareRound, place: number) => Promise<string>,
    ) => {
      for (const [place, contestant] of contestants.entries()) {
        const said = await act(contestant, found[place]!, place);
        onProgress(`round ${round + 1} of ${rounds}: ${contestant.model}, ${what}: ${said}`);
      }
    };
    const settings = readings.flatMap((reading) => batchSizes.map((batchSize) => ({ reading, batchSize })));
    for (const { reading, batchSize } of measures.includes("throughput") ? settings : []) {
      await turn(`${reading} by ${reading}, batch ${batchSize}`, async (contestant, { throughput }) => {
        const measured = await contestant.throughput(reading, batchSize);
        throughput.push({ reading, batchSize, ...measured });
        return `${measured.sourceTokensPerSecond.toFixed(0)} source tokens/s`;
      });
    }
    if (measures.includes("latency")) {
      await turn(`${streams} streams`, async (contestant, result) => {
        const { summary } = await contestant.load(streams);
        const { wordLatencyMs, firstDeltaMs, firstDeltaLatencyMs, finalMs } = summary;
        result.latency = { wordLatencyMs, firstDeltaMs, firstDeltaLatencyMs, finalMs };
        return `final p50 ${finalMs?.p50.toFixed(1) ?? "-"} ms`;
      });
    }
    if (measures.includes("streams")) {
      await turn("streams held", async (contestant, result, place) => {
        const before = done[place]!.at(-1)?.streams?.held || undefined; // none held: begin anew
        const tries: LoadTry[] = [];
        const attempt = async (tried: number) => {
          const one = await tryLoad(contestant, tried, p99Ms);
          tries.push(one);
          onProgress(`  ${contestant.model}: ${describeTry(one)}`);
          return one.held;
        };
        // The machine's own hiccups can fail a load and cannot pass one: what fails is tried again.
        const passes = async (tried: number) => (await attempt(tried)) || attempt(tried);
        const search = { from: before ?? from, factor: before === undefined ? FIRST_FACTOR : LATER_FACTOR };
        const held = await streamsHeld(passes, { ...search, within: WITHIN, most: MOST_STREAMS });
        result.streams = { held, tries };
        return `${held}`;
      });
    }
    for (const [place, result] of found.entries()) done[place]!.push(result);
  }
  return done;
}

/** Held: nothing lost, no error, and the slowest hundredth of the words no later than the limit. */
async function tryLoad(contestant: Contestant, streams: number, p99Ms: number): Promise<LoadTry> {
  let found: LoadResult;
  try {
    found = await contestant.load(streams);
  } catch (error) {
    // A server that is still over what it can do refuses every stream: so many are not held.
    const problem = error instanceof Error ? error.message : String(error);
    return { streams, wordLatencyP99Ms: null, held: false, clean: false, generatorKeptUp: true, problem };
  }
  const { summary, clean, generatorKeptUp } = found;
  const wordLatencyP99Ms = summary.wordLatencyMs?.p99 ?? null;
  const held = clean && generatorKeptUp && wordLatencyP99Ms !== null && wordLatencyP99Ms <= p99Ms;
  return { streams, wordLatencyP99Ms, held, clean, generatorKeptUp };
}

function describeTry({ streams, wordLatencyP99Ms, held, clean, generatorKeptUp, problem }: LoadTry): string {
  const faults = problem
    ? [problem]
    : [...(clean ? [] : ["not clean"]), ...(generatorKeptUp ? [] : ["the generator was late"])];
  const verdict = held ? "held" : ["not held", ...faults].join(", ");
  return `${streams} streams, p99 ${wordLatencyP99Ms?.toFixed(1) ?? "-"} ms: ${verdict}`;
}

interface OpenedStudent {
  compared: Compared;
  model: StudentModel;
  sentences: WordIds[];
  prefix: readonly number[];
}

async function openAll(options: CompareOptions) {
  const bundles = await Promise.all(options.bundles.map((dir) => loadBundle(dir)));
  const [first] = bundles;
  if (first === undefined || bundles.length < 2) throw new RangeError("there must be two bundles to compare, or more");
  const { source } = first.manifest;
  const target = chosenTarget(first.manifest, options.target);
  const text = options.sentences ?? SENTENCES[source];
  if (text === undefined) throw new RangeError(`no text in "${source}" comes with the benchmark: give one with --text`);
  const students: OpenedStudent[] = [];
  try {
    for (const [place, bundle] of bundles.entries()) {
      const { manifest, tokenizer } = bundle;
      const dir = options.bundles[place]!;
      if (!isStudent(bundle)) throw new BundleError("kind", `${dir} is a teacher's bundle: it does not stream`);
      if (manifest.source !== source) {
        throw new RangeError(`${dir} translates from ${manifest.source}, and ${options.bundles[0]} from ${source}`);
      }
      const model = await openStudent(ort, bundle, { ...ONE_THREAD, enableMemPattern: false });
      const prefix = sourcePrefix(manifest, { target });
      const namesakes = bundles.filter((other) => other.manifest.name === manifest.name).length > 1;
      const { architecture, precision } = manifest;
      const compared = {
        model: namesakes ? dir : manifest.name,
        ...{ bundle: dir, precision, type: TYPES[architecture.type], parameters: architecture.parameters },
      };
      const room = model.maxSourceTokens - prefix.length - 1;
      const sentences = text
        .map((sentence) => wordIds(tokenizer, sentence))
        .filter((words) => words.flat().length <= room);
      students.push({ compared, model, sentences, prefix });
    }
  } catch (error) {
    for (const { model } of students) await model.release();
    throw error;
  }
  const wait = options.wait ?? first.manifest.lags?.default ?? DEFAULT_WAIT;
  return { students, pair: { source, target }, wait, text };
}

const DEFAULT_WAIT = 3;
const TYPES = { "ctc-student": "CTC", autoregressive: "wait-k" } as const;

/** A sentence's token ids, word by word as white space divides it. */
function wordIds(tokenizer: Tokenizer, sentence: string): number[][] {
  const stream = new SourceStream(tokenizer);
  const words: number[][] = [];
  for (const { ids, startsWord } of [...stream.push(sentence), ...stream.flush()]) {
    if (startsWord || words.length === 0) words.push([...ids]);
    else words.at(-1)!.push(...ids);
  }
  return words;
}
