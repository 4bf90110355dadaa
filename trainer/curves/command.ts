// `souffleur curve`: quality against lagging of several bundles, as a table and as a page with plots.
import { writeFileSync } from "node:fs";
import type { Command } from "commander";
import type { Wait } from "../../models/wait.ts";
import { bundleFolder, existingFile, lengthPenalty, parseWaits, positiveInteger } from "../flag-values.ts";
import { curvesMarkdown, formatCurves, measureCurves } from "./curves.ts";
import { curvesPage } from "./curves-page.ts";

interface CurveFlags {
  bundle: string[];
  test: string[];
  wait: Wait[];
  target?: string;
  limit?: number;
  beam: number;
  lengthPenalty: number;
  threads: number;
  out?: string;
  markdown?: boolean;
  json?: boolean;
}

const WAITS: readonly Wait[] = [1, 2, 3, 5, 7, "full"];

const HELP = `
Every bundle is evaluated on every test set, as \`souffleur evaluate\` does it. Students have a point for each wait;
teachers are searched with a beam over whole sentences, and are the level that the students are seen against.

Example:
  souffleur curve --bundle models/en-de --bundle models/en-de-waitk --bundle models/en-de-teacher \\
    --test test.tsv --test test-long.tsv --out curve.html`;

export function registerCurve(program: Command): void {
  program
    .command("curve")
    .description("quality against lagging: bundles on test sets at every wait, as a table and a page with plots")
    .requiredOption("--bundle <dir>", "a student's bundle, or a teacher's; repeat it to compare", each(bundleFolder))
    .requiredOption("--test <file>", "a test set, as of `evaluate`; repeat it for several", each(existingFile))
    .option("--wait <list>", "lags of the students, in tokens, separated by commas", parseWaits, [...WAITS])
    .option("--target <language>", "the language to write, where bundles have several")
    .option("--limit <n>", "only the first n sentences of each test set", positiveInteger)
    .option("--beam <n>", "hypotheses of the teachers' search", positiveInteger, 4)
    .option("--length-penalty <α>", "of the teachers' search: more makes longer translations", lengthPenalty, 1)
    .option("--threads <n>", "threads of onnxruntime", positiveInteger, 1)
    .option("--out <file>", "write a page with plots too, one HTML file that needs no network")
    .option("--markdown", "the table as Markdown")
    .option("--json", "the curves as JSON")
    .addHelpText("after", HELP)
    .action(async ({ bundle, test, wait, out, markdown, json, ...rest }: CurveFlags) => {
      const options = { bundles: bundle, tests: test, waits: wait, ...rest };
      const curves = await measureCurves(options, (line) => void process.stderr.write(`${line}\n`));
      if (out !== undefined) writeFileSync(out, curvesPage(curves, new Date()));
      const text = markdown ? curvesMarkdown(curves) : formatCurves(curves);
      process.stdout.write(`${json ? JSON.stringify(curves, null, 2) : text}\n`);
    });
}

/** A flag that may be repeated, each value checked alike. */
function each(check: (value: string) => string): (value: string, previous?: string[]) => string[] {
  return (value, previous = []) => [...previous, check(value)];
}
