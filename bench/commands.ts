// `souffleur bench`: the benchmarks' options, and their results as text or JSON.
import { type Command, Option } from "commander";
import { addCaptions } from "./captions-command.ts";
import { addCompare } from "./compare-command.ts";
import { SENTENCES } from "./fixtures/sentences.ts";
import {
  collect,
  notNegative,
  positiveInteger,
  positiveIntegers,
  positiveNumber,
  refuse,
  sentencesOf,
  waitValue,
} from "./flag-values.ts";
import { benchLoad, type LoadOptions } from "./load.ts";
import { formatLoadResult, formatStepResult, formatTrainResult, formatTurnsResult } from "./report.ts";
import { addRooms } from "./rooms-command.ts";
import { benchStep } from "./step.ts";
import { addSweep } from "./sweep-command.ts";
import { benchAgainstTorch, benchTraining, type TrainBenchOptions } from "./training-run.ts";

interface LoadFlags {
  streams: number;
  wpm: number;
  seconds: number;
  warmup: number;
  drain: number;
  source: string;
  target: string;
  wait?: number | "full";
  commit: boolean;
  url?: string;
  text?: string;
  json?: boolean;
}

interface StepFlags {
  bundle: string;
  step?: string[];
  batch: number[];
  length: number;
  steps: number;
  rounds: number;
  wait: number;
  json?: boolean;
}

export interface BenchEnvironment {
  readonly env: Readonly<Record<string, string | undefined>>;
}

interface TrainFlags extends TrainBenchOptions {
  readonly against?: "torch";
  readonly python?: string;
  readonly json?: boolean;
}

/**
 * Adds `bench` with its subcommands to the program.
 *
 * Results go to standard output, progress to standard error. The action of a load that lost words, met errors or broke
 * the protocol rejects after the result is out, so that the command fails; options that do not fit end in exit code 2.
 *
 * @returns the `bench` command, for benchmarks that live elsewhere to be added to
 */
export function registerBenchCommands(program: Command, environment: BenchEnvironment): Command {
  const bench = program.command("bench").description("measure a server, a model's step, or training");
  addLoad(bench);
  addSweep(bench);
  addStep(bench);
  addTrain(bench, environment);
  addCaptions(bench);
  addRooms(bench);
  addCompare(bench);
  return bench;
}

function addLoad(bench: Command): void {
  bench
    .command("load")
    .description("put a server under the load of many speakers and measure how far behind it is")
    .argument("[serve-arguments...]", "after --: passed on to `serve` when the benchmark starts the server itself")
    .option("--streams <n>", "speakers at the same time, each on a WebSocket of its own", positiveInteger, 100)
    .option("--wpm <n>", "words a minute of each speaker", positiveNumber, 150)
    .option("--seconds <n>", "how long they speak, warm-up included", positiveNumber, 30)
    .option("--warmup <n>", "seconds whose latencies are left out", notNegative, 3)
    .option("--drain <n>", "seconds to wait for the last translations", positiveNumber, 15)
    .option("--source <language>", "language spoken", "en")
    .option("--target <language>", "language to translate to", "de")
    .option("--wait <tokens>", "tokens behind, or full; the bundle's default when left out", waitValue)
    .option("--url <ws-url>", "a server that runs already; else one is started here, and its CPU and memory measured")
    .option("--text <file>", "what is said, one sentence a line; else the benchmark's own sentences (en, de)")
    .option("--no-commit", "leave it to the server to find the ends of sentences")
    .option("--json", "print the result as JSON")
    .addHelpText("after", LOAD_HELP)
    .action(async (serveArguments: string[], flags: LoadFlags, command: Command) => {
      if (flags.warmup >= flags.seconds)
        refuse(command, `--warmup ${flags.warmup} leaves nothing of --seconds ${flags.seconds}`);
      if (flags.text === undefined && SENTENCES[flags.source] === undefined) {
        refuse(command, `no text in "${flags.source}" comes with the benchmark: give one with --text`);
      }
      const result = await benchLoad(await loadOptions(flags, serveArguments), (line) => console.error(line));
      console.log(flags.json ? JSON.stringify(result, null, 2) : formatLoadResult(result));
      if (!result.clean) throw new Error("the load was not clean");
    });
}

const LOAD_HELP = `
Words are due at times fixed beforehand, and every latency counts from when a word was due, so a stall is never hidden:
  word latency        for each delta: since the last word it had read was due
  first delta         for each segment: since its first word was due (the wait and the speaker's pace included)
  first delta after its word   the same, since the last word that it had read was due
  final after commit  for each segment: since its last word and the commit were due
  server: ...         the server's own figures, from its timings
It fails (exit code 1) when streams failed, words were lost, errors came or the protocol was broken.

Examples:
  souffleur bench load --streams 200
  souffleur bench load --streams 1000 --seconds 60 --json -- --bundle models/en-de
  souffleur bench load --url ws://localhost:8080 --streams 50 --wait 3`;

async function loadOptions(flags: LoadFlags, serveArguments: string[]): Promise<LoadOptions> {
  const { wpm, warmup, drain, text, json: _, ...rest } = flags;
  return {
    ...rest,
    wordsPerMinute: wpm,
    warmupSeconds: warmup,
    drainSeconds: drain,
    sentences: await sentencesOf(text),
    serveArguments,
  };
}

function addStep(bench: Command): void {
  bench
    .command("step")
    .description("time one incremental step of a student by batch size, on one thread")
    .requiredOption("--bundle <dir>", "the bundle")
    .option("--step <file>", "a step file to use in place of the bundle's own; repeat it to compare", collect)
    .option("--batch <sizes>", "rows in a step, separated by commas", positiveIntegers, [1, 2, 4, 8, 16, 32, 64])
    .option("--length <n>", "source tokens read before the first timed step", positiveInteger, 8)
    .option("--steps <n>", "timed steps from there on, one token each", positiveInteger, 16)
    .option("--rounds <n>", "how often all of it is done; files and sizes take turns", positiveInteger, 5)
    .option("--wait <tokens>", "tokens behind", positiveInteger, 3)
    .option("--json", "print the result as JSON")
    .addHelpText(
      "after",
      `
Examples:
  souffleur bench step --bundle models/en-de
  souffleur bench step --bundle models/en-de --step fp32/step.onnx --step int8/step.onnx --batch 1,32`,
    )
    .action(async (flags: StepFlags) => {
      const { bundle, step, batch, length, json, ...rest } = flags;
      const result = await benchStep({ ...rest, bundle, stepFiles: step, batchSizes: batch, stateLength: length });
      console.log(json ? JSON.stringify(result, null, 2) : formatStepResult(result));
    });
}

function addTrain(bench: Command, { env }: BenchEnvironment): void {
  bench
    .command("train")
    .description("time training steps (forward, gradients, Adam) on invented sentences")
    .addOption(new Option("--model <model>", "whose graph").choices(["teacher", "student"]).default("teacher"))
    .option("--width <n>", "d; the feed-forward width is 4 d", positiveInteger, 192)
    .option("--encoder-layers <n>", "layers of the encoder", positiveInteger, 4)
    .option("--decoder-layers <n>", "layers of the decoder", positiveInteger, 2)
    .option("--vocabulary <n>", "size of the vocabulary", positiveInteger, 6000)
    .option("--tokens <n>", "tokens of a batch, on each side", positiveInteger, 2048)
    .option("--length <n>", "tokens of a sentence", positiveInteger, 12)
    .option("--dropout <rate>", "share of activations that are dropped", notNegative, 0.1)
    .option("--threads <n>", "threads of onnxruntime", positiveInteger, 1)
    .option("--steps <n>", "timed steps; three more are run first", positiveInteger, 10)
    .addOption(new Option("--against <peer>", "let a peer take turns on the same machine").choices(["torch"]))
    .option("--python <file>", "a Python that has PyTorch (SOUFFLEUR_PYTHON, python3)")
    .option("--json", "print the result as JSON")
    .addHelpText(
      "after",
      "\nExamples:\n  souffleur bench train --model student --threads 2\n  souffleur bench train --against torch --steps 15",
    )
    .action(async ({ json, against, python, ...options }: TrainFlags) => {
      if (against === "torch") {
        const result = await benchAgainstTorch(options, python ?? env.SOUFFLEUR_PYTHON ?? "python3");
        console.log(json ? JSON.stringify(result, null, 2) : formatTurnsResult(result));
        return;
      }
      const result = await benchTraining(options);
      console.log(json ? JSON.stringify(result, null, 2) : formatTrainResult(result));
    });
}
