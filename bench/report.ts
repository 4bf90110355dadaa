// Benchmark results as text for a terminal.
import { formatTable, type TableColumn } from "../trainer/evaluation/text-table.ts";
import type { Summary } from "./histogram.ts";
import type { LoadResult } from "./load.ts";
import type { Machine } from "./machine.ts";
import type { StepBenchResult, StepRowResult } from "./step.ts";
import type { Contender, TrainBenchResult, TurnsResult } from "./train.ts";

interface TimedRow {
  what: string;
  summary: Summary | null;
}

const TIMES: readonly TableColumn<TimedRow>[] = [
  { header: "milliseconds", value: (row) => row.what },
  { header: "count", value: (row) => row.summary?.count },
  { header: "mean", value: (row) => row.summary?.mean, digits: 1 },
  { header: "p50", value: (row) => row.summary?.p50, digits: 1 },
  { header: "p95", value: (row) => row.summary?.p95, digits: 1 },
  { header: "p99", value: (row) => row.summary?.p99, digits: 1 },
  { header: "max", value: (row) => row.summary?.max, digits: 1 },
];

/** A load's result: what was asked, latencies, losses and errors, what generator and server took. */
export function formatLoadResult(result: LoadResult): string {
  const { options, summary, generator, server } = result;
  const times: TimedRow[] = [
    { what: "word latency", summary: summary.wordLatencyMs },
    { what: "first delta", summary: summary.firstDeltaMs },
    { what: "first delta after its word", summary: summary.firstDeltaLatencyMs },
    { what: "final after commit", summary: summary.finalMs },
    { what: "connect", summary: summary.connectMs },
    { what: "server: latency", summary: summary.serverMs.latency },
    { what: "server: queue", summary: summary.serverMs.queue },
    { what: "server: compute", summary: summary.serverMs.compute },
    { what: "generator: sent late", summary: generator.sendLatenessMs },
  ];
  const wait = options.wait === undefined ? "the bundle's wait" : `wait ${options.wait}`;
  return [
    `${options.streams} streams, ${options.wordsPerMinute} words a minute each, ${options.seconds} s ` +
      `(${options.warmupSeconds} s warm-up), ${options.source}-${options.target}, ${wait}, ${options.url}`,
    formatTable(TIMES, times),
    `streams    ${result.connected} opened, ${result.completed} done`,
    `words      ${summary.wordsSent} sent, ${summary.wordsFinal} in finals, ${result.lostWords} lost; ` +
      `${summary.deltas} deltas, ${summary.finals} finals`,
    `errors     ${counts(summary.errors)}`,
    `violations ${counts(summary.violations)}`,
    `generator  ${percent(generator.cpuShare)} of a core, event loop late p99 ` +
      `${generator.eventLoopLagMs.p99.toFixed(1)} ms, max ${generator.eventLoopLagMs.max.toFixed(1)} ms`,
    server === null
      ? "server     not measured (not started here)"
      : `server     ${percent(server.cpuShare)} of a core; memory ${megabytes(server.rssBytes.start)} at start, ` +
        `${megabytes(server.rssBytes.connected)} with all streams open, ${megabytes(server.rssBytes.peak)} at most`,
    machineLine(result.machine),
    verdict(result),
  ].join("\n");
}

const STEP_COLUMNS: readonly TableColumn<StepRowResult>[] = [
  { header: "step file", value: (row) => row.step },
  { header: "rows", value: (row) => row.batchSize },
  { header: "p50 ms", value: (row) => row.stepMs.p50, digits: 2 },
  { header: "p95 ms", value: (row) => row.stepMs.p95, digits: 2 },
  { header: "tokens/s", value: (row) => row.tokensPerSecond },
  { header: "samples", value: (row) => row.stepMs.samples },
];

/** A step benchmark's result, one line a file and batch size. */
export function formatStepResult(result: StepBenchResult): string {
  const { stateLength, steps, wait } = result.options;
  return [
    `one new source token a row, ${stateLength} to ${stateLength + steps} tokens read, wait ${wait}, one thread`,
    formatTable(STEP_COLUMNS, result.rows),
    machineLine(result.machine),
  ].join("\n");
}

/** A training benchmark's result. */
export function formatTrainResult(result: TrainBenchResult): string {
  return [
    `${result.steps} training steps after ${result.warmupSteps} not counted`,
    `a step     p50 ${result.stepMs.p50.toFixed(1)} ms, p95 ${result.stepMs.p95.toFixed(1)} ms`,
    `tokens/s   ${result.sourceTokensPerSecond.toFixed(0)} source, ${result.targetTokensPerSecond.toFixed(0)} target (medians)`,
    machineLine(result.machine),
  ].join("\n");
}

const CONTENDERS: readonly TableColumn<Contender>[] = [
  { header: "training step", value: (row) => row.name },
  { header: "p50 ms", value: (row) => row.stepMs.p50, digits: 1 },
  { header: "p95 ms", value: (row) => row.stepMs.p95, digits: 1 },
  { header: "best ms", value: (row) => row.stepMs.best, digits: 1 },
  { header: "target tokens/s", value: (row) => row.targetTokensPerSecond, digits: 0 },
  { header: "time by the first's", value: (row) => row.ratio, digits: 3 },
  { header: "peak MB", value: (row) => row.peakBytes / 1e6, digits: 0 },
];

/** Contenders that took turns at the same step. */
export function formatTurnsResult(result: TurnsResult): string {
  return [
    `${result.rounds} steps of each in turn, after ${result.warmupRounds} not counted; ${result.tokens} target tokens a step`,
    formatTable(CONTENDERS, result.contenders),
    machineLine(result.machine),
  ].join("\n");
}

function verdict(result: LoadResult): string {
  const late = result.generatorKeptUp
    ? []
    : ["the generator did not keep up: these figures are its own, use fewer streams"];
  const unclean = result.clean ? [] : ["NOT CLEAN: streams failed, words were lost, or the protocol was broken"];
  const complaints = [...late, ...unclean];
  return complaints.length === 0 ? "clean: nothing lost, no errors" : complaints.join("\n");
}

function counts(named: Readonly<Record<string, number>>): string {
  const found = Object.entries(named).filter(([, count]) => count > 0);
  return found.length === 0 ? "none" : found.map(([name, count]) => `${name}: ${count}`).join(", ");
}

function percent(share: number): string {
  return `${(share * 100).toFixed(0)} %`;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(0)} MB`;
}

export function machineLine(machine: Machine): string {
  return `machine    ${machine.cores} × ${machine.cpu}, ${megabytes(machine.memoryBytes)}, ${machine.platform}, Node ${machine.node}`;
}
