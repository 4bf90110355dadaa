// `souffleur runs`: what has been trained, two runs beside each other, and a run's report.
import { resolve } from "node:path";
import type { Command } from "commander";
import { type Environment, workFolder } from "./run-context.ts";
import { compareRuns, formatComparison } from "./runs/compare.ts";
import { writeReport } from "./runs/report-page.ts";
import { findRun, formatRuns, readRuns } from "./runs/runs.ts";

interface RunsFlags {
  work?: string;
  json?: boolean;
  out?: string;
}

const WORK = ["--work <dir>", "folder of the runs (SOUFFLEUR_WORK, ~/.cache/souffleur)"] as const;

export function registerRunsCommand(program: Command, { env }: { readonly env: Environment }): void {
  const print = (text: string) => process.stdout.write(`${text}\n`);
  const command = program
    .command("runs")
    .description("list the runs of a work folder: stages, steps, best validation BLEU, time")
    .option(...WORK)
    .option("--json", "the list as JSON")
    .action((flags: RunsFlags) => {
      const runs = readRuns(workFolder(flags, env));
      if (flags.json) print(JSON.stringify(runs, null, 2));
      else print(runs.length === 0 ? `no runs in ${workFolder(flags, env)}` : formatRuns(runs));
    });
  command
    .command("compare")
    .description("two runs, or two stages: where their recipes differ, and their figures")
    .argument("<a>", "a run's name, or <run>/<stage>")
    .argument("<b>", "another one's")
    .action((a: string, b: string, _: RunsFlags, self: Command) => {
      const flags = self.optsWithGlobals<RunsFlags>();
      const comparison = compareRuns(workFolder(flags, env), [a, b]);
      print(flags.json ? JSON.stringify(comparison, null, 2) : formatComparison(comparison));
    });
  command
    .command("report")
    .description("write a run's report as one HTML file")
    .argument("<run>", "a run's name")
    .option("--out <file>", "the file to write (default: report.html in the run's folder)")
    .action((name: string, _: RunsFlags, self: Command) => {
      const flags = self.optsWithGlobals<RunsFlags>();
      const run = findRun(workFolder(flags, env), name);
      print(writeReport(run, flags.out && resolve(flags.out)));
    });
}
