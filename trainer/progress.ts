// Progress of long work: a bar on a terminal, one line in ten seconds elsewhere.
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

/** @param unit what is counted, such as "steps". Writes to standard error, so that standard output stays clean. */
export function progressReporter(title: string, total: number, unit: string, start = 0): ProgressReporter {
  return process.stderr.isTTY ? barReporter(title, total, unit, start) : lineReporter(title, total, unit, start);
}

const describe = (fields: Record<string, string | number>): string =>
  Object.entries(fields)
    .map(([name, value]) => `${name} ${value}`)
    .join("  ");

function barReporter(title: string, total: number, unit: string, start: number): ProgressReporter {
  const format = `${title} [{bar}] {percentage}%  {value}/{total} ${unit}  left {eta_formatted}  {fields}`;
  const bar = new SingleBar(
    { format, hideCursor: true, etaBuffer: 50, stream: process.stderr },
    Presets.shades_classic,
  );
  bar.start(total, start, { fields: "" });
  return {
    update: (done, fields) => bar.update(done, { fields: describe(fields) }),
    note: (text) => process.stderr.write(`\n${title}: ${text}\n`),
    stop: () => bar.stop(),
  };
}

function lineReporter(title: string, total: number, unit: string, start: number): ProgressReporter {
  const begun = Date.now();
  let last = 0;
  return {
    update(done, fields) {
      const now = Date.now();
      if (now - last < LINE_EVERY_MS && done < total) return;
      last = now;
      const rate = (done - start) / Math.max(1e-3, (now - begun) / 1000);
      const left = rate > 0 ? `${Math.round((total - done) / rate)} s left` : "";
      process.stderr.write(`${title}: ${done}/${total} ${unit}  ${describe(fields)}  ${left}\n`);
    },
    note: (text) => process.stderr.write(`${title}: ${text}\n`),
    stop: () => {},
  };
}
