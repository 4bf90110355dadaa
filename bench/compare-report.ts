// A comparison's result as text and as Markdown: medians over the rounds, and how many times the first one's the others' are.
import { formatTable, markdownTable, type TableColumn } from "../trainer/evaluation/text-table.ts";
import type { CompareResult, CompareRound } from "./compare.ts";
import { median } from "./percentile.ts";
import { machineLine } from "./report.ts";
import type { Reading } from "./throughput.ts";

/** One measure: a figure of each model, in the result's order. */
interface MeasureRow {
  what: string;
  digits: number;
  /** Undefined where the measure was not taken. */
  values: (number | undefined)[];
  /** Whether more is better; undefined for what is neither better nor worse. */
  moreIsBetter?: boolean;
}

const AFTER: Record<Reading, string> = { word: "the last word", sentence: "the sentence" };

/**
 * Medians over the rounds, a row a measure.
 * @returns only measures that were taken.
 */
export function compareRows({ models, options }: CompareResult): MeasureRow[] {
  const row = (
    what: string,
    digits: number,
    moreIsBetter: boolean | undefined,
    of: (round: CompareRound) => number | null | undefined,
  ): MeasureRow => ({ what, digits, moreIsBetter, values: models.map(({ rounds }) => medianOf(rounds, of)) });
  const settings = options.readings.flatMap((reading) => options.batchSizes.map((size) => ({ reading, size })));
  const throughput = settings.flatMap(({ reading, size }) => {
    const at = (round: CompareRound) =>
      round.throughput.find((one) => one.batchSize === size && one.reading === reading);
    const how = `${reading} by ${reading}, batch ${size}`;
    return [
      row(`source tokens/s, ${how}`, 0, true, (round) => at(round)?.sourceTokensPerSecond),
      row(`words/s, ${how}`, 0, true, (round) => at(round)?.wordsPerSecond),
      row(`target tokens/s, ${how}`, 0, true, (round) => at(round)?.targetTokensPerSecond),
      row(`ms a step, ${how}`, 2, false, (round) => at(round)?.stepMs),
      row(`ms from ${AFTER[reading]} to the last token, batch ${size}`, 2, false, (round) => at(round)?.flushMs),
    ];
  });
  const length = row(
    "target tokens for a source token",
    3,
    undefined,
    (round) => round.throughput[0]?.targetTokensPerSourceToken,
  );
  const latency = [
    row("first delta, ms, p50 (pace and wait included)", 0, false, ({ latency }) => latency?.firstDeltaMs?.p50),
    row("first delta after its word, ms, p50", 2, false, ({ latency }) => latency?.firstDeltaLatencyMs?.p50),
    row("word latency, ms, p50", 2, false, ({ latency }) => latency?.wordLatencyMs?.p50),
    row("word latency, ms, p99", 2, false, ({ latency }) => latency?.wordLatencyMs?.p99),
    row("final after the last word, ms, p50", 2, false, ({ latency }) => latency?.finalMs?.p50),
    row("final after the last word, ms, p99", 2, false, ({ latency }) => latency?.finalMs?.p99),
  ];
  const held = row(`streams held (p99 ≤ ${options.p99Ms} ms)`, 0, true, ({ streams }) => streams?.held);
  return [...throughput, length, ...latency, held].filter(({ values }) => values.some((value) => value !== undefined));
}

function medianOf(
  rounds: readonly CompareRound[],
  of: (round: CompareRound) => number | null | undefined,
): number | undefined {
  const values = rounds.map(of).filter((value) => value !== undefined && value !== null);
  return values.length === 0 ? undefined : median(values);
}

/** How many times better the first model is than another; undefined where there is no better, or nothing to divide by. */
export function advantage({ values, moreIsBetter }: MeasureRow, other: number): number | undefined {
  const [first, second] = [values[0], values[other]];
  if (moreIsBetter === undefined || !first || !second) return undefined;
  return moreIsBetter ? first / second : second / first;
}

function columnsOf({ models }: CompareResult): TableColumn<MeasureRow>[] {
  const figure = (value: number | undefined, digits: number) => value?.toFixed(digits) ?? "-";
  return [
    { header: "measure", value: ({ what }) => what },
    ...models.map(({ model, type }, place) => ({
      header: `${model} (${type})`,
      value: ({ values, digits }: MeasureRow) => figure(values[place], digits),
    })),
    ...models.slice(1).map(({ model }, place) => ({
      header: models.length === 2 ? "times better" : `times better than ${model}`,
      value: (row: MeasureRow) => figure(advantage(row, place + 1), 2),
    })),
  ];
}

/** The comparison for a terminal. */
export function formatCompareResult(result: CompareResult): string {
  return [conditions(result), formatTable(columnsOf(result), compareRows(result)), machineLine(result.machine)].join(
    "\n",
  );
}

/** The table alone, for a page. */
export const compareMarkdown = (result: CompareResult): string => markdownTable(columnsOf(result), compareRows(result));

function conditions({ options, models }: CompareResult): string {
  const { wait, rounds, source, target, streams, wordsPerMinute, measures } = options;
  const sizes = models.map(
    ({ model, parameters, precision }) => `${model} ${(parameters / 1e6).toFixed(1)} M, ${precision}`,
  );
  const speakers = measures.includes("latency")
    ? [`latency: ${streams} speakers of ${wordsPerMinute} words a minute`]
    : [];
  return [
    `${source}-${target}, wait ${wait}, medians of ${rounds} alternating rounds; ${sizes.join("; ")}`,
    ...(measures.includes("throughput") ? ["throughput: one thread, every step full"] : []),
    ...speakers,
  ].join("\n");
}
