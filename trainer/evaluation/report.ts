// The evaluation report: quality against latency, one row a lag, as a text table and as JSON.
import type { Formality } from "../../models/tags.ts";
import type { Wait } from "../../models/wait.ts";
import type { Copied } from "./copy-set.ts";
import { type DiagnosisRow, formatDiagnosis } from "./diagnosis.ts";
import type { FormalityScores } from "./formality-set.ts";
import type { TermScores } from "./glossary-set.ts";
import { formatTable, type TableColumn } from "./text-table.ts";

export interface EvaluationRow {
  wait: Wait;
  /** sacreBLEU's corpus BLEU, 0 to 100. */
  bleu: number;
  /** sacreBLEU's chrF2, 0 to 100. */
  chrf: number;
  /** BLEU's brevity penalty, 1 when the output is long enough. */
  brevityPenalty: number;
  /** AL in source words; this and the next three are null when no sentence had any output. */
  averageLagging: number | null;
  /** LAAL in source words. */
  laal: number | null;
  /** DAL in source words. */
  dal: number | null;
  /** AP, a share of the source. */
  averageProportion: number | null;
  sentences: number;
  /** Wall time of the translation; null when it was not timed, and so the next. */
  seconds: number | null;
  sourceTokensPerSecond: number | null;
  /** The same figures of the same sentences with noise in their sources, where they were asked for. */
  noisy?: Pick<EvaluationRow, "bleu" | "chrf" | "brevityPenalty">;
  /** Of the numbers, names, codes and addresses of a copy set, where one was given. */
  copied?: Copied;
  /** Of the terms of a glossary set, where one was given. */
  terms?: TermScores;
  /** Of a formality set, where one was given. */
  formality?: Readonly<Record<Formality, FormalityScores>>;
}

export interface EvaluationReport {
  /** Name of the test set. */
  test: string;
  /** The language written, where the model writes several. */
  target?: string;
  signatures: { bleu: string; chrf: string };
  rows: EvaluationRow[];
  /** A CTC student's slots, where that was asked for. */
  diagnosis?: DiagnosisRow[];
}

const COLUMNS: readonly TableColumn<EvaluationRow>[] = [
  { header: "wait", value: (row) => String(row.wait) },
  { header: "BLEU", value: (row) => row.bleu, digits: 2 },
  { header: "chrF2", value: (row) => row.chrf, digits: 2 },
  { header: "BP", value: (row) => row.brevityPenalty, digits: 3 },
  { header: "AL", value: (row) => row.averageLagging, digits: 2 },
  { header: "LAAL", value: (row) => row.laal, digits: 2 },
  { header: "DAL", value: (row) => row.dal, digits: 2 },
  { header: "AP", value: (row) => row.averageProportion, digits: 2 },
  { header: "sentences", value: (row) => row.sentences },
  { header: "seconds", value: (row) => row.seconds, digits: 1 },
  { header: "tokens/s", value: (row) => row.sourceTokensPerSecond },
];

/** Wait, BLEU, chrF2 and BP come before what else is measured of quality. */
const QUALITY_COLUMNS = 4;

const NOISY_COLUMNS: readonly TableColumn<EvaluationRow>[] = [
  { header: "noisy BLEU", value: (row) => row.noisy?.bleu ?? null, digits: 2 },
  { header: "noisy chrF2", value: (row) => row.noisy?.chrf ?? null, digits: 2 },
  { header: "noisy BP", value: (row) => row.noisy?.brevityPenalty ?? null, digits: 3 },
];

const COPY_COLUMNS: readonly TableColumn<EvaluationRow>[] = [
  { header: "copied %", value: (row) => percent(row.copied?.share), digits: 1 },
  { header: "numbers", value: (row) => percent(row.copied?.kinds.number), digits: 1 },
  { header: "names", value: (row) => percent(row.copied?.kinds.name), digits: 1 },
  { header: "codes", value: (row) => percent(row.copied?.kinds.code), digits: 1 },
  { header: "addresses", value: (row) => percent(row.copied?.kinds.address), digits: 1 },
];

const TERM_COLUMNS: readonly TableColumn<EvaluationRow>[] = [
  { header: "terms %", value: (row) => percent(row.terms?.share), digits: 1 },
  { header: "without", value: (row) => percent(row.terms?.shareWithout), digits: 1 },
  { header: "their BLEU", value: (row) => row.terms?.bleu ?? null, digits: 2 },
  { header: "without", value: (row) => row.terms?.bleuWithout ?? null, digits: 2 },
];

const FORMALITY_COLUMNS: readonly TableColumn<EvaluationRow>[] = (["formal", "informal"] as const).flatMap((asked) => [
  { header: `${asked} %`, value: (row: EvaluationRow) => percent(row.formality?.[asked].share), digits: 1 },
  { header: "unasked", value: (row: EvaluationRow) => percent(row.formality?.[asked].shareUnasked), digits: 1 },
  { header: "its BLEU", value: (row: EvaluationRow) => row.formality?.[asked].bleu ?? null, digits: 2 },
]);

const percent = (share: number | undefined): number | null => (share === undefined ? null : 100 * share);

/** The report as lines of text: the test set, the table, the signatures. */
export function formatEvaluationReport(report: EvaluationReport): string {
  const columns = [
    ...COLUMNS.slice(0, QUALITY_COLUMNS),
    ...(report.rows.some((row) => row.noisy) ? NOISY_COLUMNS : []),
    ...(report.rows.some((row) => row.copied) ? COPY_COLUMNS : []),
    ...(report.rows.some((row) => row.terms) ? TERM_COLUMNS : []),
    ...(report.rows.some((row) => row.formality) ? FORMALITY_COLUMNS : []),
    ...COLUMNS.slice(QUALITY_COLUMNS),
  ];
  return [
    `${testOf(report)}  (AL, LAAL, DAL in source words, computation not counted; tokens/s of the source)`,
    formatTable(columns, report.rows),
    `BLEU ${report.signatures.bleu}`,
    `chrF2 ${report.signatures.chrf}`,
    ...(report.diagnosis ? [formatDiagnosis(report.diagnosis)] : []),
  ].join("\n");
}

/** The test set as people are told of it, with the language where there are several. */
export function testOf({ test, target }: { readonly test: string; readonly target?: string }): string {
  return target === undefined ? test : `${test} to ${target}`;
}

/** The report as indented JSON, in full precision. */
export function evaluationReportJson(report: EvaluationReport): string {
  return JSON.stringify(report, null, 2);
}
