// Stage 5: teacher and student on the held-out sets, the student for each lag, with the blank bias chosen on valid.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import * as ort from "onnxruntime-node";
import { z } from "zod";
import { translateBatch } from "../../models/translate.ts";
import type { Wait } from "../../models/wait.ts";
import { createEvaluationReport, evaluateTranslations } from "../evaluation/evaluate.ts";
import { type EvaluationReport, formatEvaluationReport } from "../evaluation/report.ts";
import { readTestSet, type TestSet } from "../evaluation/test-set.ts";
import { dataPath, type StageContext } from "./context.ts";
import type { PreparedStage } from "./prepare-stage.ts";
import { StageFolder } from "./stage-folder.ts";
import type { StudentStage } from "./student-stage.ts";
import type { TeacherStage } from "./teacher-stage.ts";
import {
  score,
  studentStepModel,
  studentTranslations,
  teacherTranslations,
  validationSentences,
} from "./validation.ts";

const teacherScoreSchema = z.object({
  test: z.string(),
  bleu: z.number(),
  chrf: z.number(),
  brevityPenalty: z.number(),
});
const resultSchema = z.object({
  blankBias: z.number(),
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
  const input = { student: student.key, evaluate: recipe.evaluate, precision, biases, defaultWait };
  const folder = new StageFolder(context.work, recipe.name, "evaluate", input);
  const known = folder.result;
  if (known !== undefined) return { key: folder.key, ...resultSchema.parse(known) };

  const path = folder.open();
  const { threads } = recipe;
  const valid = await validationSentences(prepared.corpus, recipe.student.training.validationSentences);
  const qualities: [number, number][] = [];
  for (const blankBias of biases) {
    const model = await studentStepModel(ort, student.architecture, student.weights, { precision, blankBias, threads });
    const texts = await studentTranslations(model, prepared.corpus, valid.sources, defaultWait);
    await model.release();
    const { bleu, brevityPenalty } = score(texts, valid.references);
    context.say(
      `evaluate: blank bias ${blankBias}: valid BLEU ${bleu.toFixed(2)} (brevity penalty ${brevityPenalty.toFixed(3)})`,
    );
    qualities.push([blankBias, bleu]);
  }
  const [blankBias] = qualities.reduce((best, item) => (item[1] > best[1] ? item : best));
  const model = await studentStepModel(ort, student.architecture, student.weights, { precision, blankBias, threads });
  const result: EvaluationResult = { blankBias, teacher: [], student: [] };
  for (const file of recipe.corpus.test) {
    const test = await readTestSet(dataPath(context, file));
    const ids = test.sentences.map(({ source }) => prepared.corpus.tokenizer.encode(source));
    const { beam, lengthPenalty } = recipe.evaluate;
    const search = { beam, lengthPenalty, maxLengthRatio: 2 };
    const texts = await teacherTranslations(
      ort,
      teacher.architecture,
      teacher.weights,
      search,
      prepared.corpus,
      ids,
      threads,
    );
    const scores = {
      test: test.name,
      ...score(
        texts,
        test.sentences.map(({ references }) => references),
      ),
    };
    result.teacher.push(scores);
    context.say(`evaluate: ${test.name}: teacher BLEU ${scores.bleu.toFixed(2)}, chrF ${scores.chrf.toFixed(2)}`);
    const report = await evaluateStudent(test, model, prepared, recipe.evaluate.waits, ids);
    result.student.push(report);
    context.say(formatEvaluationReport(report));
  }
  await model.release();
  writeFileSync(join(path, "report.txt"), result.student.map(formatEvaluationReport).join("\n\n"));
  folder.finish(result);
  return { key: folder.key, ...result };
}

type Runner = Parameters<typeof translateBatch>[0];

async function evaluateStudent(
  test: TestSet,
  model: Runner,
  prepared: PreparedStage,
  waits: readonly Wait[],
  ids: readonly (readonly number[])[],
): Promise<EvaluationReport> {
  const sources = test.sentences.map(({ source }) => source);
  const sourceTokens = ids.reduce((sum, tokens) => sum + tokens.length + 1, 0);
  const rows = [];
  for (const wait of waits) {
    const started = performance.now();
    const outputs = await translateBatch(model, prepared.corpus.tokenizer, sources, { wait, batchSize: 64 });
    const seconds = (performance.now() - started) / 1000;
    rows.push(evaluateTranslations(test, outputs, { wait, seconds, sourceTokens }));
  }
  return createEvaluationReport(test, rows);
}
