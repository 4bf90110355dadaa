// Progress of long work: a bar on a terminal, one line in ten seconds elsewhere, both with rate and time left.
import { Presets, SingleBar } from "cli-progress";

export interface ProgressReporter {
  update(done: number, fields: Record<string, string | number>): void;
  /** A line of its own, such as a validation. */
  note(text: string): void;
  stop(): void;
}

/** Says nothing: tests, and commands that print JSON. */
export const silentProgress: ProgressReporter = { update: () => {}, note: () => {}, stop: () => {} };

const LINE_EVERY_MS = 10_000;

type Output = NodeJS.WritableStream & { readonly isTTY?: boolean };

/**
 * @param unit what is counted, such as "steps".
 * @param stream standard error, so that standard output stays clean.
 */
export function progressReporter(
  title: string,
  total: number,
  unit: string,
  stream: Output = process.stderr,
): ProgressReporter {
  const pace = new Pace(total);
  return stream.isTTY ? barReporter(title, unit, pace, stream) : lineReporter(title, unit, pace, stream);
}

const describe = (fields: Record<string, string | number>): string =>
  Object.entries(fields)
    .map(([name, value]) => `${name} ${value}`)
    .join("  ");

/** How fast the work goes since this run's first report: what an earlier run had done was not done in its time. */
class Pace {
  readonly total: number;
  #first: { readonly done: number; readonly at: number } | undefined;

  constructor(total: number) {
    this.total = total;
  }

  /** Rate and time left in words, "" before there is a second report to reckon from. */
  report(done: number, unit: string): string {
    const now = Date.now();
    this.#first ??= { done, at: now };
    const rate = ((done - this.#first.done) * 1000) / (now - this.#first.at);
    if (!Number.isFinite(rate) || rate <= 0) return "";
    const speed = rate < 100 ? Number(rate.toPrecision(2)) : Math.round(rate);
    return `${speed} ${unit}/s  ${inWords((this.total - done) / rate)} left`;
  }
}

/** 75 → "1 min 15 s". */
function inWords(seconds: number): string {
  const whole = Math.round(seconds);
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60)];
  if (hours > 0) return `${hours} h ${minutes} min`;
  return minutes > 0 ? `${minutes} min ${whole % 60} s` : `${whole} s`;
}

function barReporter(title: string, unit: string, pace: Pace, stream: Output): ProgressReporter {
  const format = `${title} [{bar}] {percentage}%  {value}/{total} ${unit}  {pace}  {fields}`;
  const bar = new SingleBar({ format, hideCursor: true, stream }, Presets.shades_classic);
  let started = false;
  return {
    update(done, fields) {
      const payload = { pace: pace.report(done, unit), fields: describe(fields) };
      if (started) bar.update(done, payload);
      else bar.start(pace.total, done, payload);
      started = true;
    },
    note: (text) => stream.write(`\n${title}: ${text}\n`),
    stop: () => bar.stop(),
  };
}

function lineReporter(title: string, unit: string, pace: Pace, stream: Output): ProgressReporter {
  let last = Number.NEGATIVE_INFINITY;
  return {
    update(done, fields) {
      const now = Date.now();
      const speed = pace.report(done, unit); // asked for each time, so that the first report counts
      if (now - last < LINE_EVERY_MS && done < pace.total) return;
      last = now;
      const parts = [`${title}: ${done}/${pace.total} ${unit}`, speed, describe(fields)];
      stream.write(`${parts.filter((part) => part !== "").join("  ")}\n`);
    },
    note: (text) => stream.write(`${title}: ${text}\n`),
    stop: () => {},
  };
}
