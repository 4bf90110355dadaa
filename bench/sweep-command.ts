// `souffleur bench sweep`: its options, and its result as text, Markdown or JSON.
import { type Command, InvalidArgumentError } from "commander";
import { formatTable, markdownTable, type TableColumn } from "../trainer/evaluation/text-table.ts";
import { SENTENCES } from "./fixtures/sentences.ts";
import { positiveInteger, positiveIntegers, positiveNumber, refuse, sentencesOf, waitValue } from "./flag-values.ts";
import { machineLine } from "./report.ts";
import { benchSweep, type SweepResult, type SweepRow, TRANSPORTS, type Transport } from "./sweep.ts";

interface SweepFlags {
  streams: number[];
  transport: Transport[];
  rounds: number;
  wpm: number;
  seconds: number;
  warmup: number;
  drain: number;
  source: string;
  target: string;
  wait?: number | "full";
  p99: number;
  text?: string;
  markdown?: boolean;
  json?: boolean;
}

const HELP = `
Every try starts a server of its own and speaks as \`bench load\` does: words are due at times fixed beforehand, and a
latency counts from when its word was due. Transports take turns; the table has the medians of the rounds.
  held  rounds in which nothing was lost, no error came, the generator kept its times (99 % of the words at most 20 ms
        late) and the p99 of the word latency stayed within --p99
  knee  the most streams that were held in most rounds, as all smaller tries were

Examples:
  souffleur bench sweep
  souffleur bench sweep --streams 800,1000,1200 --transport uws --rounds 3 -- --workers 2`;

export function addSweep(bench: Command): void {
  bench
    .command("sweep")
    .description("raise the number of speakers, on each transport in turns, and find how many a server holds")
    .argument("[serve-arguments...]", "after --: passed on to the `serve` of each try")
    .option("--streams <list>", "speakers of each try", positiveIntegers, [100, 200, 400, 600, 800, 1000, 1200])
    .option("--transport <list>", "what carries the streams: uws, ws", transports, [...TRANSPORTS])
    .option("--rounds <n>", "turns of each transport at each number of streams", positiveInteger, 1)
    .option("--wpm <n>", "words a minute of each speaker", positiveNumber, 150)
    .option("--seconds <n>", "how long they speak, warm-up included", positiveNumber, 20)
    .option("--warmup <n>", "seconds whose latencies are left out", positiveNumber, 5)
    .option("--drain <n>", "seconds to wait for the last translations", positiveNumber, 15)
    .option("--source <language>", "language spoken", "en")
    .option("--target <language>", "language to translate to", "de")
    .option("--wait <tokens>", "tokens behind, or full; the bundle's default when left out", waitValue)
    .option("--p99 <ms>", "the word latency that 99 of 100 must keep", positiveNumber, 100)
    .option("--text <file>", "what is said, one sentence a line; else the benchmark's own sentences (en, de)")
    .option("--markdown", "print the table as Markdown")
    .option("--json", "print the result as JSON")
    .addHelpText("after", HELP)
    .action(async (serveArguments: string[], flags: SweepFlags, command: Command) => {
      const { wpm, warmup, drain, p99, text, transport, json, markdown, ...rest } = flags;
      if (warmup >= flags.seconds) refuse(command, `--warmup ${warmup} leaves nothing of --seconds ${flags.seconds}`);
      if (text === undefined && SENTENCES[flags.source] === undefined) {
        refuse(command, `no text in "${flags.source}" comes with the benchmark: give one with --text`);
      }
      const options = {
        ...rest,
        ...{ wordsPerMinute: wpm, warmupSeconds: warmup, drainSeconds: drain, p99Ms: p99, transports: transport },
        ...{ commit: true, sentences: await sentencesOf(text), serveArguments },
      };
      const result = await benchSweep(options, (line) => console.error(line));
      console.log(json ? JSON.stringify(result, null, 2) : formatSweepResult(result, markdown ?? false));
    });
}

const COLUMNS: readonly TableColumn<SweepRow>[] = [
  { header: "transport", value: (row) => row.transport },
  { header: "streams", value: (row) => row.streams },
  { header: "words/s", value: (row) => row.wordsPerSecond, digits: 0 },
  { header: "word p50 ms", value: (row) => row.wordLatencyMs?.p50, digits: 1 },
  { header: "p95", value: (row) => row.wordLatencyMs?.p95, digits: 1 },
  { header: "p99", value: (row) => row.wordLatencyMs?.p99, digits: 1 },
  { header: "final p95 ms", value: (row) => row.finalP95Ms, digits: 1 },
  { header: "server's cores", value: (row) => row.serverCpuShare, digits: 2 },
  { header: "generator's", value: (row) => row.generatorCpuShare, digits: 2 },
  { header: "sent late p99 ms", value: (row) => row.sendLatenessP99Ms, digits: 1 },
  { header: "peak MB", value: (row) => row.peakRssBytes && row.peakRssBytes / 1024 ** 2, digits: 0 },
  { header: "lost words", value: (row) => row.lostWords },
  { header: "held", value: (row) => `${row.heldRounds} of ${row.rounds}` },
];

export function formatSweepResult({ options, rows, knee, machine }: SweepResult, markdown: boolean): string {
  const held = options.transports.map((transport) => `${knee[transport]} streams on ${transport}`).join(", ");
  return [
    markdown ? markdownTable(COLUMNS, rows) : formatTable(COLUMNS, rows),
    `${markdown ? "\n" : ""}held with a p99 of ${options.p99Ms} ms or less: ${held}`,
    machineLine(machine),
  ].join("\n");
}

function transports(value: string): Transport[] {
  return value.split(",").map((item) => {
    const found = TRANSPORTS.find((name) => name === item.trim());
    if (found === undefined) throw new InvalidArgumentError(`"${item}" is none of ${TRANSPORTS.join(", ")}.`);
    return found;
  });
}
