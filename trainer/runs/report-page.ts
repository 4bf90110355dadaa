// A run's report as one HTML file that needs nothing else: curves, tables, samples. Light and dark as the reader's system is.
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { REPORT_SCRIPT, REPORT_STYLE } from "./report-look.ts";
import { type Curve, type RunReport, runReport } from "./run-report.ts";
import type { Run } from "./runs.ts";

/** One plot: its lines share the x axis. */
interface Plot {
  readonly title: string;
  readonly x: string;
  /** Points are marked, and lines are straight between them: few measurements. */
  readonly marked: boolean;
  readonly lines: readonly { readonly label: string; readonly curve: Curve }[];
}

/** Writes a run's report, whole or not at all: shares of a distillation may do so at once. */
export function writeReport(run: Run, path: string = join(run.path, "report.html")): string {
  const partial = `${path}.partial-${process.pid}`;
  writeFileSync(partial, reportPage(runReport(run)));
  renameSync(partial, path);
  return path;
}

export function reportPage(report: RunReport): string {
  const plots = plotsOf(report);
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escaped(report.name)}: training report</title>
<style>${plotFile("uPlot.min.css")}
${REPORT_STYLE}</style>
<header>
<h1>${escaped(report.name)}</h1>
<p>${[report.pair, `written ${report.written.toISOString().slice(0, 16).replace("T", " ")} UTC`, report.madeWith]
    .filter((part) => part !== "")
    .map(escaped)
    .join(" · ")}</p>
</header>
<main>
${section("Stages", stagesTable(report))}
${section("Quality", qualityTable(report))}
${plots.length > 0 ? `<section><h2>Curves</h2><div class="plots">${plots.map(({ title }, at) => `<figure><figcaption>${escaped(title)}</figcaption><div id="plot-${at}"></div></figure>`).join("\n")}</div></section>` : ""}
${section("Samples", samplesList(report))}
${section("Corpora", corporaTable(report))}
</main>
<script>${plotFile("uPlot.iife.min.js")}</script>
<script id="plots" type="application/json">${JSON.stringify(plots).replaceAll("<", "\\u003c")}</script>
<script>${REPORT_SCRIPT}</script>
</html>
`;
}

/** The plotting library's own files, which the page carries along. */
function plotFile(name: string): string {
  return readFileSync(join(dirname(createRequire(import.meta.url).resolve("uplot")), name), "utf8");
}

function plotsOf({ training, evaluation }: RunReport): Plot[] {
  const byStage = (title: string, of: (one: RunReport["training"][number]) => Curve): Plot => ({
    ...{ title, x: "step", marked: false },
    lines: training.map((one) => ({ label: one.stage, curve: of(one) })),
  });
  const validations = training.flatMap(({ stage, validation }) =>
    Object.entries(validation).map(([name, curve]) => ({
      label: name === "bleuFull" ? `${stage}, whole sentence` : stage,
      curve,
    })),
  );
  const quality = (evaluation?.student ?? []).map(({ test, rows }) => {
    const points = rows.flatMap(({ averageLagging, bleu }) =>
      averageLagging === null ? [] : [[averageLagging, bleu]],
    );
    points.sort((a, b) => a[0] - b[0]);
    return { label: test, curve: { x: points.map(([x]) => x), y: points.map(([, y]) => y) } };
  });
  const plots: Plot[] = [
    { title: "Validation BLEU", x: "step", marked: true, lines: validations },
    { title: "BLEU by average lagging in source words", x: "AL", marked: true, lines: quality },
    byStage("Loss per target token", ({ loss }) => loss),
    byStage("Learning rate", ({ rate }) => rate),
    byStage("Target tokens a second", ({ tokensPerSecond }) => tokensPerSecond),
  ];
  return plots
    .map((plot) => ({ ...plot, lines: plot.lines.filter(({ curve }) => curve.x.length > 0) }))
    .filter(({ lines }) => lines.length > 0);
}

const section = (title: string, content: string): string =>
  content === "" ? "" : `<section><h2>${title}</h2>${content}</section>`;

function stagesTable({ stages }: RunReport): string {
  return table(
    ["stage", "state", "steps", "best valid BLEU", "minutes of training"],
    stages.map(({ stage, state, steps, bestBleu, minutes }) => [
      stage,
      state,
      steps,
      fixed(bestBleu),
      fixed(minutes, 1),
    ]),
  );
}

function qualityTable({ evaluation }: RunReport): string {
  if (!evaluation) return "";
  const rows = evaluation.teacher.map(({ test, bleu, chrf }) => [test, "teacher", "", fixed(bleu), fixed(chrf), ""]);
  for (const { test, rows: lags } of evaluation.student) {
    for (const { wait, bleu, chrf, averageLagging } of lags) {
      rows.push([test, "student", String(wait), fixed(bleu), fixed(chrf), fixed(averageLagging)]);
    }
  }
  const order = evaluation.student.map(({ test }) => test);
  rows.sort((a, b) => order.indexOf(String(a[0])) - order.indexOf(String(b[0])));
  return table(["test set", "model", "wait", "BLEU", "chrF2", "AL"], rows);
}

function samplesList({ samples }: RunReport): string {
  const line = (label: string, text: string) => `<dt>${label}</dt><dd>${text === "" ? "—" : escaped(text)}</dd>`;
  return samples
    .map(
      ({ test, source, reference, teacher, student }) =>
        `<dl title="${escaped(test)}">${line("source", source)}${line("reference", reference)}${line("teacher", teacher)}${line("student", student)}</dl>`,
    )
    .join("\n");
}

function corporaTable({ corpora }: RunReport): string {
  const rules = [...new Set(corpora.flatMap(({ dropped }) => Object.keys(dropped)))];
  const used = rules.filter((rule) => corpora.some(({ dropped }) => (dropped[rule] ?? 0) > 0));
  const count = (value: number) => value.toLocaleString("en-GB");
  return table(
    ["corpus", "read", "kept", "duplicates", "leaks", ...used],
    corpora.map(({ name, read, pairs, duplicates, leaks, dropped }) => [
      name,
      ...[read, pairs, duplicates, leaks, ...used.map((rule) => dropped[rule] ?? 0)].map(count),
    ]),
  );
}

/** "" where there are no rows; numbers stand to the right. */
function table(headers: readonly string[], rows: readonly (readonly (string | number | null)[])[]): string {
  if (rows.length === 0) return "";
  const isNumber = (text: string) => /^-?[\d.,]*$/.test(text);
  const right = headers.map((_, at) => rows.every((row) => isNumber(String(row[at] ?? ""))));
  const cell = (tag: string, text: string, at: number) =>
    `<${tag}${right[at] ? ' class="n"' : ""}>${escaped(text)}</${tag}>`;
  const head = headers.map((text, at) => cell("th", text, at)).join("");
  const body = rows.map((row) => `<tr>${row.map((value, at) => cell("td", String(value ?? ""), at)).join("")}</tr>`);
  return `<div class="wide"><table><thead><tr>${head}</tr></thead><tbody>${body.join("\n")}</tbody></table></div>`;
}

const fixed = (value: number | null, digits = 2): string => (value === null ? "" : value.toFixed(digits));

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
