// Stage 5: teacher and student on the held-out sets; a CTC student for each lag, with the blank bias chosen on valid.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import * as ort from "onnxruntime-node";
import { z } from "zod";
import { translateBatch } from "../../models/translate.ts";
import type { Wait } from "../../models/wait.ts";
import { createEvaluationReport, evaluateTranslations } from "../evaluation/evaluate.ts";
import { type EvaluationReport, formatEvaluationReport } from "../evaluation/report.ts";
import { readTestSet, type TestSet } from "../evaluation/test-set.ts";
import { evaluateWholeSentences, type SearchedModel } from "../evaluation/whole-sentence.ts";
import { dataPath, type StageContext } from "./context.ts";
import type { PreparedStage } from "./prepare-stage.ts";
import { StageFolder } from "./stage-folder.ts";
import type { StudentStage } from "./student-stage.ts";
import type { TeacherStage } from "./teacher-stage.ts";
import { score, studentStepModel, studentTranslations, validationSentences } from "./validation.ts";

const teacherScoreSchema = z.object({
  test: z.string(),
  bleu: z.number(),
  chrf: z.number(),
  brevityPenalty: z.number(),
});
const resultSchema = z.object({
  /** What is taken from the blank's logit; null for a student that writes no blanks. */
  blankBias: z.number().nullable(),
  teacher: z.array(teacherScoreSchema),
  student: z.array(z.custom<EvaluationReport>()),
});

export type EvaluationResult = z.infer<typeof resultSchema>;

export interface EvaluateStage extends EvaluationResult {
  readonly key: string;
}

export async function evaluateStage(
  context: StageContext,
  prepared: PreparedStage,
  teacher: TeacherStage,
  student: StudentStage,
): Promise<EvaluateStage> {
  const { recipe } = context;
  const { precision, blankBias: biases, defaultWait } = recipe.export;
  const served = student.type === "ctc" ? { precision, biases, defaultWait } : {};
  const input = { student: student.key, evaluate: recipe.evaluate, ...served };
  const folder = new StageFolder(context.work, recipe.name, "evaluate", input);
  const known = folder.result;
  if (known !== undefined) return { key: folder.key, ...resultSchema.parse(known) };

  const path = folder.open();
  const { beam, lengthPenalty } = recipe.evaluate;
  const search = { beam, lengthPenalty, maxLengthRatio: 2 };
  const searched = (test: TestSet, model: SearchedModel) =>
    evaluateWholeSentences(test, prepared.corpus.tokenizer, model, search, recipe.threads);
  const runner = student.type === "ctc" ? await streamingRunner(context, prepared, student) : undefined;
  const result: EvaluationResult = { blankBias: runner?.blankBias ?? null, teacher: [], student: [] };
  try {
    for (const file of recipe.corpus.test) {
      const test = await readTestSet(dataPath(context, file));
      const { bleu, chrf, brevityPenalty } = (await searched(test, teacher)).rows[0]!;
      result.teacher.push({ test: test.name, bleu, chrf, brevityPenalty });
      context.say(`evaluate: ${test.name}: teacher BLEU ${bleu.toFixed(2)}, chrF ${chrf.toFixed(2)}`);
      const report = runner
        ? await evaluateStreaming(test, runner.model, prepared, recipe.evaluate.waits)
        : await searched(test, student);
      result.student.push(report);
      context.say(formatEvaluationReport(report));
    }
  } finally {
    await runner?.model.release();
  }
  writeFileSync(join(path, "report.txt"), result.student.map(formatEvaluationReport).join("\n\n"));
  folder.finish(result);
  return { key: folder.key, ...result };
}

type CtcStudent = Extract<StudentStage, { type: "ctc" }>;

/** The student's step model with the blank bias that is best on the validation sentences. */
async function streamingRunner(context: StageContext, prepared: PreparedStage, student: CtcStudent) {
  const { threads, student: settings } = context.recipe;
  const { precision, blankBias: biases, defaultWait } = context.recipe.export;
  const open = (blankBias: number) =>
    studentStepModel(ort, student.architecture, student.weights, { precision, blankBias, threads });
  const valid = await validationSentences(prepared.corpus, settings.training.validationSentences);
  const qualities: [number, number][] = [];
  for (const blankBias of biases) {
    const model = await open(blankBias);
    const texts = await studentTranslations(model, prepared.corpus, valid.sources, defaultWait);
    await model.release();
    const { bleu, brevityPenalty } = score(texts, valid.references);
    context.say(
      `evaluate: blank bias ${blankBias}: valid BLEU ${bleu.toFixed(2)} (brevity penalty ${brevityPenalty.toFixed(3)})`,
    );
    qualities.push([blankBias, bleu]);
  }
  const [blankBias] = qualities.reduce((best, item) => (item[1] > best[1] ? item : best));
  return { blankBias, model: await open(blankBias) };
}

type Runner = Parameters<typeof translateBatch>[0];

async function evaluateStreaming(
  test: TestSet,
  model: Runner,
  prepared: PreparedStage,
  waits: readonly Wait[],
): Promise<EvaluationReport> {
  const sources = test.sentences.map(({ source }) => source);
  const sourceTokens = sources.reduce((sum, source) => sum + prepared.corpus.tokenizer.encode(source).length + 1, 0);
  const rows = [];
  for (const wait of waits) {
    const started = performance.now();
    const outputs = await translateBatch(model, prepared.corpus.tokenizer, sources, { wait, batchSize: 64 });
    const seconds = (performance.now() - started) / 1000;
    rows.push(evaluateTranslations(test, outputs, { wait, seconds, sourceTokens }));
  }
  return createEvaluationReport(test, rows);
}
