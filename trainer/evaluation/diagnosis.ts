// What ails a CTC student: a row for each lag on length, repeats, blanks, and the slots against the first references.
import * as ort from "onnxruntime-node";
import type { StepRunner } from "../../models/step-runner.ts";
import type { Tokenizer } from "../../models/tokenizer.ts";
import { translateBatch } from "../../models/translate.ts";
import { EOS_ID } from "../../models/vocabulary.ts";
import type { Wait } from "../../models/wait.ts";
import type { Weights } from "../networks/parameters.ts";
import type { StudentArchitecture } from "../networks/student.ts";
import { countWords } from "./delays.ts";
import { type SlotAccuracy, slotAccuracy } from "./slot-accuracy.ts";
import { RecordingRunner, repeatedWords, type SlotStatistics, slotStatistics } from "./slot-statistics.ts";
import type { TestSet } from "./test-set.ts";
import { formatTable, type TableColumn } from "./text-table.ts";

export interface DiagnosisRow extends SlotStatistics, SlotAccuracy {
  readonly wait: Wait;
  /** Words of the translations by words of the first references. */
  readonly lengthRatio: number;
  /** Share of the words that equal the word before, in the translations and in the first references. */
  readonly repeatedWords: number;
  readonly repeatedReferenceWords: number;
}

export interface DiagnosedStudent {
  readonly runner: StepRunner;
  readonly architecture: StudentArchitecture;
  readonly weights: Weights;
  readonly blankBias: number;
}

export async function diagnose(
  test: TestSet,
  student: DiagnosedStudent,
  tokenizer: Tokenizer,
  options: { readonly waits: readonly Wait[]; readonly prefix?: readonly number[]; readonly threads: number },
): Promise<DiagnosisRow[]> {
  const { architecture, weights, blankBias } = student;
  const { prefix = [], threads } = options;
  const recording = new RecordingRunner(student.runner);
  const sources = test.sentences.map(({ source }) => source);
  const references = test.sentences.map(({ references }) => references[0]!);
  const words = (texts: readonly string[]) => texts.reduce((sum, text) => sum + countWords(text), 0);
  const limit = architecture.maxPositions - 1; // a longer sentence is served in parts
  const pairs = sources.map((source, index) => ({
    source: [...prefix, ...tokenizer.encode(source)].slice(0, limit).concat(EOS_ID),
    target: [...tokenizer.encode(references[index]!), EOS_ID],
  }));
  const rows: DiagnosisRow[] = [];
  for (const wait of options.waits) {
    const outputs = await translateBatch(recording, tokenizer, sources, { wait, prefix });
    const texts = outputs.map(({ text }) => text);
    rows.push({
      wait,
      lengthRatio: words(texts) / words(references),
      repeatedWords: repeatedWords(texts),
      repeatedReferenceWords: repeatedWords(references),
      ...slotStatistics(recording.take(), architecture.slotsPerToken),
      ...(await slotAccuracy(ort, architecture, weights, pairs, { wait, blankBias, threads })),
    });
  }
  return rows;
}

const percent = (header: string, of: (row: DiagnosisRow) => number | null): TableColumn<DiagnosisRow> => ({
  header,
  value: (row) => {
    const share = of(row);
    return share === null ? null : share * 100;
  },
  digits: 2,
});

const COLUMNS: readonly TableColumn<DiagnosisRow>[] = [
  { header: "wait", value: (row) => String(row.wait) },
  percent("length %", (row) => row.lengthRatio),
  percent("repeated words %", (row) => row.repeatedWords),
  percent("in references %", (row) => row.repeatedReferenceWords),
  percent("repeated tokens %", (row) => row.repeatedTokens),
  percent("at borders %", (row) => row.repeatsAtBorders),
  percent("blank slots %", (row) => row.blankShare),
  percent("slots needed %", (row) => row.pressure),
  percent("too few slots %", (row) => row.infeasible),
  percent("slots right %", (row) => row.accuracy),
  percent("token slots right %", (row) => row.tokenAccuracy),
];

/** The rows as a table of text. */
export function formatDiagnosis(rows: readonly DiagnosisRow[]): string {
  return `diagnosis (first references; repeated: equal to the one before)\n${formatTable(COLUMNS, rows)}`;
}
