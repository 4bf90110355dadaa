// Runs an ablation: every variant's recipe to its evaluation, and one table of what came of them.
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import type { Wait } from "../../models/wait.ts";
import { formatTable, markdownTable, type TableColumn } from "../evaluation/text-table.ts";
import type { Recipe } from "../recipe.ts";
import type { StagesResult } from "../stages.ts";
import type { Ablation } from "./ablation-file.ts";

/** What came of one variant on the first test set. */
export const ablationRowSchema = z.strictObject({
  name: z.string(),
  about: z.string(),
  /** Of the student: ctc, autoregressive or wait-k. */
  type: z.string(),
  test: z.string(),
  /** Quality for each lag that was evaluated; an offline student has "full" alone. */
  quality: z.array(
    z.strictObject({
      wait: z.union([z.number(), z.literal("full")]),
      bleu: z.number(),
      chrf: z.number(),
      brevityPenalty: z.number(),
    }),
  ),
  /** Source tokens a second of the evaluation at the last lag, for the same machine under the same load. */
  sourceTokensPerSecond: z.number().nullable(),
  steps: z.number(),
  /** Of the student's training. */
  targetTokensPerSecond: z.number(),
});

export type AblationRow = z.infer<typeof ablationRowSchema>;

export interface AblationRun {
  /** Trains and evaluates one recipe; undefined where it stopped before its evaluation. */
  readonly run: (recipe: Recipe) => Promise<StagesResult | undefined>;
  readonly say: (text: string) => void;
}

/** Every variant in turn; what is done already is not done again, stages that variants share are run once. */
export async function runAblation(ablation: Ablation, { run, say }: AblationRun): Promise<AblationRow[]> {
  const rows: AblationRow[] = [];
  for (const [at, { name, about, recipe }] of ablation.variants.entries()) {
    say(`ablation ${at + 1}/${ablation.variants.length}: ${name}${about ? ` (${about})` : ""}`);
    const made = await run(recipe);
    if (!made?.evaluation) throw new Error(`${name}: there is no evaluation`);
    rows.push(rowOf(name, about, made));
    say(formatAblation(ablation.title, rows));
  }
  return rows;
}

function rowOf(name: string, about: string, { student, evaluation }: StagesResult): AblationRow {
  const report = evaluation?.student[0];
  if (!report) throw new Error(`${name}: corpus.test names no file to be compared on`);
  const { steps, seconds, targetTokens } = student.training;
  return ablationRowSchema.parse({
    name,
    about,
    type: student.type,
    test: report.test,
    quality: report.rows.map(({ wait, bleu, chrf, brevityPenalty }) => ({ wait, bleu, chrf, brevityPenalty })),
    sourceTokensPerSecond: report.rows.at(-1)?.sourceTokensPerSecond ?? null,
    steps,
    targetTokensPerSecond: Math.round(targetTokens / Math.max(seconds, 1e-9)),
  });
}

function columnsOf(rows: readonly AblationRow[]): TableColumn<AblationRow>[] {
  const waits = [...new Set(rows.flatMap(({ quality }) => quality.map(({ wait }) => wait)))].sort(byLag);
  const at = (row: AblationRow, wait: Wait) => row.quality.find((quality) => quality.wait === wait);
  const last = (row: AblationRow) => row.quality.at(-1);
  return [
    { header: "variant", value: (row) => row.name },
    { header: "student", value: (row) => row.type },
    ...waits.map((wait) => ({
      header: wait === "full" ? "BLEU" : `BLEU, wait ${wait}`,
      value: (row: AblationRow) => at(row, wait)?.bleu,
      digits: 2,
    })),
    { header: "chrF2", value: (row) => last(row)?.chrf, digits: 2 },
    { header: "BP", value: (row) => last(row)?.brevityPenalty, digits: 3 },
    { header: "steps", value: (row) => row.steps },
    { header: "tokens/s training", value: (row) => row.targetTokensPerSecond },
    { header: "tokens/s", value: (row) => row.sourceTokensPerSecond },
  ];
}

const byLag = (a: Wait, b: Wait): number =>
  (a === "full" ? Number.POSITIVE_INFINITY : a) - (b === "full" ? Number.POSITIVE_INFINITY : b);

/** The table as text for a terminal. */
export function formatAblation(title: string, rows: readonly AblationRow[]): string {
  return `${title}\n${formatTable(columnsOf(rows), rows)}`;
}

/** The table as Markdown, with a column for what each variant changes. */
export function ablationMarkdown(rows: readonly AblationRow[]): string {
  const [variant, ...figures] = columnsOf(rows);
  const columns: TableColumn<AblationRow>[] = [
    variant!,
    { header: "what it is", value: (row) => row.about },
    ...figures,
  ];
  return markdownTable(columns, rows);
}

/** Writes the rows beside the stages, as `ablation-<hash of the file>.json`. */
export function saveAblation(folder: string, ablation: Ablation, rows: readonly AblationRow[]): string {
  const key = createHash("sha256").update(JSON.stringify(ablation)).digest("hex").slice(0, 12);
  const path = join(folder, `ablation-${key}.json`);
  writeFileSync(path, `${JSON.stringify({ title: ablation.title, rows }, null, 2)}\n`);
  return path;
}
