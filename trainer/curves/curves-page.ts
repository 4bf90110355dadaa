// Quality against lagging as one HTML file: a plot for each test set, teachers as dashed levels, and the table.
import { testOf } from "../evaluation/report.ts";
import { htmlPage, type Plot, type PlotLine, plotSection, section, table, writtenAt } from "../pages/page.ts";
import { CURVE_COLUMNS, curveRows, type QualityCurve } from "./curves.ts";

export function curvesPage(curves: readonly QualityCurve[], written: Date): string {
  const tests = [...new Set(curves.map(testOf))];
  const models = [...new Set(curves.map(({ model }) => model))];
  const plots = tests.flatMap(
    (test) =>
      plotOf(
        test,
        curves.filter((curve) => testOf(curve) === test),
        models,
      ) ?? [],
  );
  const rows = curveRows(curves).map((row) =>
    CURVE_COLUMNS.map(({ value, digits = 0 }) => {
      const cell = value(row);
      return typeof cell === "number" ? cell.toFixed(digits) : (cell ?? null);
    }),
  );
  const headers = CURVE_COLUMNS.map(({ header }) => header);
  return htmlPage({
    title: "Quality against lagging",
    heading: "Quality against lagging",
    facts: [models.join(", "), writtenAt(written)],
    sections: [plotSection("BLEU by average lagging in source words", plots), section("Figures", table(headers, rows))],
    plots,
  });
}

/** A model keeps its colour over all plots. @returns undefined where no student has a point. */
function plotOf(test: string, curves: readonly QualityCurve[], models: readonly string[]): Plot | undefined {
  const color = (model: string) => models.indexOf(model);
  const lines = curves.flatMap(({ model, kind, rows }): PlotLine[] => {
    const points = rows.flatMap(({ averageLagging, bleu }) =>
      averageLagging === null ? [] : [{ averageLagging, bleu }],
    );
    if (kind === "beam search" || points.length === 0) return [];
    points.sort((a, b) => a.averageLagging - b.averageLagging);
    const x = points.map(({ averageLagging }) => averageLagging);
    return [{ label: model, curve: { x, y: points.map(({ bleu }) => bleu) }, color: color(model) }];
  });
  if (lines.length === 0) return undefined;
  const places = lines.flatMap(({ curve }) => curve.x);
  const ends = [Math.min(...places), Math.max(...places)];
  const levels = curves.flatMap(({ model, kind, rows: [row] }): PlotLine[] => {
    if (kind !== "beam search" || row === undefined) return [];
    const curve = { x: ends, y: ends.map(() => row.bleu) };
    return [{ label: `${model}, beam search of the whole sentence`, curve, dashed: true, color: color(model) }];
  });
  return { title: test, x: "AL", marked: true, lines: [...lines, ...levels] };
}
