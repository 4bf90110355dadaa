// `souffleur bench compare`: its options, and its result as text, Markdown or JSON.
import { type Command, InvalidArgumentError } from "commander";
import { benchCompare, type CompareOptions, MEASURES, type Measure } from "./compare.ts";
import { compareMarkdown, formatCompareResult } from "./compare-report.ts";
import {
  collect,
  positiveInteger,
  positiveIntegers,
  positiveNumber,
  refuse,
  sentencesOf,
  waitValue,
} from "./flag-values.ts";
import { READINGS, type Reading } from "./throughput.ts";

interface CompareFlags {
  bundle: string[];
  measure: readonly Measure[];
  wait?: number | "full";
  target?: string;
  rounds: number;
  read: readonly Reading[];
  batch: number[];
  throughputSeconds: number;
  wpm: number;
  streams: number;
  seconds: number;
  warmup: number;
  p99: number;
  from: number;
  text?: string;
  markdown?: boolean;
  json?: boolean;
}

const HELP = `
The bundles take turns, round after round, and the table has the medians:
  throughput  the engine's segments and batches on one thread, every step full: tokens and words a second, time of a
              step, and from the last word of a sentence to its last token; a word at a time, as from a speaker, and
              a sentence at a time, as from a file
  latency     a server each, with few speakers: first delta, word latency, and the final after the last word
  streams     how many speakers a server holds with the p99 of the word latency within --p99, nothing lost; found by
              doubling and closing in to a tenth, what fails is tried twice
"times better" is how many times the first bundle does better than the other.

Examples:
  souffleur bench compare --bundle models/en-de --bundle models/en-de-waitk
  souffleur bench compare --bundle models/en-de --bundle models/en-de-waitk --measure throughput --batch 1,8,32 --json`;

export function addCompare(bench: Command): void {
  bench
    .command("compare")
    .description("students beside each other on the same engine and server: throughput, latency, streams held")
    .argument("[serve-arguments...]", "after --: passed on to the `serve` of each bundle's server")
    .requiredOption("--bundle <dir>", "a student's bundle; repeat it: the others are compared with the first", collect)
    .option("--measure <list>", `what to measure: ${MEASURES.join(", ")}`, measures, [...MEASURES])
    .option("--wait <tokens>", "tokens behind, or full; the first bundle's default when left out", waitValue)
    .option("--target <language>", "language to translate to, where the bundles have several")
    .option("--rounds <n>", "turns of each bundle", positiveInteger, 3)
    .option("--read <list>", "throughput: what a session is given at once: word, sentence", readings, [...READINGS])
    .option("--batch <sizes>", "throughput: sessions in every step, separated by commas", positiveIntegers, [1, 32])
    .option("--throughput-seconds <n>", "throughput: how long each is timed, after one second", positiveNumber, 3)
    .option("--wpm <n>", "words a minute of each speaker", positiveNumber, 150)
    .option("--streams <n>", "latency: speakers", positiveInteger, 10)
    .option("--seconds <n>", "latency and streams: how long they speak, warm-up included", positiveNumber, 12)
    .option("--warmup <n>", "latency and streams: seconds whose latencies are left out", positiveNumber, 2)
    .option("--p99 <ms>", "streams: the word latency that 99 of 100 must keep", positiveNumber, 100)
    .option("--from <n>", "streams: where the first search begins", positiveInteger, 100)
    .option("--text <file>", "what is said, one sentence a line; else the benchmark's own sentences (en, de)")
    .option("--markdown", "print the table as Markdown")
    .option("--json", "print the result as JSON, every round and try in it")
    .addHelpText("after", HELP)
    .action(async (serveArguments: string[], flags: CompareFlags, command: Command) => {
      if (flags.bundle.length < 2)
        refuse(command, "--bundle: give two bundles or more, each with a --bundle of its own");
      if (flags.warmup >= flags.seconds)
        refuse(command, `--warmup ${flags.warmup} leaves nothing of --seconds ${flags.seconds}`);
      const result = await benchCompare(await optionsOf(flags, serveArguments), (line) => console.error(line));
      const text = flags.markdown ? compareMarkdown(result) : formatCompareResult(result);
      console.log(flags.json ? JSON.stringify(result, null, 2) : text);
    });
}

async function optionsOf(flags: CompareFlags, serveArguments: string[]): Promise<CompareOptions> {
  const { bundle, measure, read, batch, wpm, warmup, p99, text, json: _, markdown: __, ...rest } = flags;
  return {
    ...rest,
    ...{
      bundles: bundle,
      measures: measure,
      readings: read,
      batchSizes: batch,
      wordsPerMinute: wpm,
      warmupSeconds: warmup,
      p99Ms: p99,
    },
    sentences: await sentencesOf(text),
    serveArguments,
  };
}

const measures = (value: string) => listOf(MEASURES, value);
const readings = (value: string) => listOf(READINGS, value);

/** Names out of `all`, separated by commas. */
function listOf<Name extends string>(all: readonly Name[], value: string): Name[] {
  return value.split(",").map((item) => {
    const found = all.find((name) => name === item.trim());
    if (found === undefined) throw new InvalidArgumentError(`"${item}" is none of ${all.join(", ")}.`);
    return found;
  });
}
