// A run's report as one HTML file that needs nothing else: curves, tables, samples. Light and dark as the reader's system is.
import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  type Curve,
  escaped,
  fixed,
  htmlPage,
  type Plot,
  plotSection,
  section,
  table,
  writtenAt,
} from "../pages/page.ts";
import { type RunReport, runReport } from "./run-report.ts";
import type { Run } from "./runs.ts";

/** Writes a run's report, whole or not at all: shares of a distillation may do so at once. */
export function writeReport(run: Run, path: string = join(run.path, "report.html")): string {
  const partial = `${path}.partial-${process.pid}`;
  writeFileSync(partial, reportPage(runReport(run)));
  renameSync(partial, path);
  return path;
}

export function reportPage(report: RunReport): string {
  const plots = plotsOf(report);
  return htmlPage({
    title: `${report.name}: training report`,
    heading: report.name,
    facts: [report.pair, writtenAt(report.written), report.madeWith],
    sections: [
      section("Stages", stagesTable(report)),
      section("Quality", qualityTable(report)),
      plotSection("Curves", plots),
      section("Samples", samplesList(report)),
      section("Corpora", corporaTable(report)),
    ],
    plots,
  });
}

function plotsOf({ training, evaluation }: RunReport): Plot[] {
  const byStage = (title: string, of: (one: RunReport["training"][number]) => Curve): Plot => ({
    ...{ title, x: "step", marked: false },
    lines: training.map((one) => ({ label: one.stage, curve: of(one) })),
  });
  const validations = training.flatMap(({ stage, validation }) =>
    Object.entries(validation).map(([name, curve]) => ({ label: validationLabel(stage, name), curve })),
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

/** By the figure's name in the log. */
function validationLabel(stage: string, name: string): string {
  if (name === "bleuFull") return `${stage}, whole sentence`;
  const [, wait, target] = /^bleu(?:Wait(\d+)|\.(.+))$/.exec(name) ?? [];
  if (wait !== undefined) return `${stage}, wait ${wait}`;
  return target === undefined ? stage : `${stage}, to ${target}`;
}

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
