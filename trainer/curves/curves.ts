// Quality against lagging: several bundles on several test sets, a line of points for each, beside whole-sentence teachers.
import { basename } from "node:path";
import { loadBundle } from "../../models/bundle.ts";
import type { BundleManifest } from "../../models/manifest.ts";
import type { Wait } from "../../models/wait.ts";
import { evaluateBundle } from "../evaluation/evaluate-bundle.ts";
import { type EvaluationReport, type EvaluationRow, testOf } from "../evaluation/report.ts";
import { formatTable, markdownTable, type TableColumn } from "../evaluation/text-table.ts";

export interface CurveOptions {
  /** Students' bundles, and teachers' for a level to compare with. */
  readonly bundles: readonly string[];
  readonly tests: readonly string[];
  readonly waits: readonly Wait[];
  readonly target?: string;
  readonly limit?: number;
  /** Of the teachers' search. */
  readonly beam: number;
  readonly lengthPenalty?: number;
  readonly threads: number;
}

/** What a bundle's translations are made by. */
export type CurveKind = "CTC" | "wait-k" | "beam search";

/** One bundle on one test set. */
export interface QualityCurve extends Omit<EvaluationReport, "diagnosis"> {
  /** The bundle's name; its folder too, where two bundles have the same. */
  readonly model: string;
  readonly kind: CurveKind;
}

/**
 * Evaluates every bundle on every test set, through the code that serves it; test set by test set, in the order given.
 *
 * @param say told of each bundle and test set when it is done
 * @throws BundleError, TargetError or HeldOutFileError where a bundle, the target or a test set cannot be used; every
 * bundle is opened before the first is run
 */
export async function measureCurves(options: CurveOptions, say: (line: string) => void): Promise<QualityCurve[]> {
  const { bundles, tests, waits, ...rest } = options;
  const manifests = await Promise.all(bundles.map(async (dir) => (await loadBundle(dir)).manifest));
  const names = manifests.map(({ name }) => name);
  const curves: QualityCurve[] = [];
  for (const test of tests) {
    for (const [place, bundle] of bundles.entries()) {
      const name = names[place]!;
      const model = names.filter((other) => other === name).length > 1 ? `${name} (${bundle})` : name;
      const started = performance.now();
      const report = await evaluateBundle({ bundle, test, wait: waits, ...rest });
      curves.push({ model, kind: kindOf(manifests[place]!), ...report });
      const seconds = ((performance.now() - started) / 1000).toFixed(0);
      say(`${curves.length} of ${tests.length * bundles.length}: ${model} on ${basename(test)}, ${seconds} s`);
    }
  }
  return curves;
}

function kindOf({ kind, architecture }: BundleManifest): CurveKind {
  if (kind === "teacher") return "beam search";
  return architecture.type === "ctc-student" ? "CTC" : "wait-k";
}

interface CurveRow {
  readonly curve: QualityCurve;
  readonly row: EvaluationRow;
}

/** The columns of the table; a teacher has no lag. */
export const CURVE_COLUMNS: readonly TableColumn<CurveRow>[] = [
  { header: "test", value: ({ curve }) => testOf(curve) },
  { header: "model", value: ({ curve }) => curve.model },
  { header: "by", value: ({ curve }) => curve.kind },
  { header: "wait", value: ({ curve, row }) => (curve.kind === "beam search" ? "whole" : String(row.wait)) },
  { header: "BLEU", value: ({ row }) => row.bleu, digits: 2 },
  { header: "chrF2", value: ({ row }) => row.chrf, digits: 2 },
  { header: "BP", value: ({ row }) => row.brevityPenalty, digits: 3 },
  { header: "AL", value: ({ row }) => row.averageLagging, digits: 2 },
  { header: "LAAL", value: ({ row }) => row.laal, digits: 2 },
  { header: "DAL", value: ({ row }) => row.dal, digits: 2 },
  { header: "AP", value: ({ row }) => row.averageProportion, digits: 2 },
];

export const curveRows = (curves: readonly QualityCurve[]): CurveRow[] =>
  curves.flatMap((curve) => curve.rows.map((row) => ({ curve, row })));

/** The table as text, with the scores' signatures. */
export function formatCurves(curves: readonly QualityCurve[]): string {
  const signatures = new Set(curves.flatMap(({ signatures: { bleu, chrf } }) => [`BLEU ${bleu}`, `chrF2 ${chrf}`]));
  return [formatTable(CURVE_COLUMNS, curveRows(curves)), "AL, LAAL, DAL in source words", ...signatures].join("\n");
}

export const curvesMarkdown = (curves: readonly QualityCurve[]): string =>
  markdownTable(CURVE_COLUMNS, curveRows(curves));
