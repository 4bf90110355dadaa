// Stage 5: teacher and student on the held-out sets; one that streams for each lag; a CTC student's blank bias is chosen on valid.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import * as ort from "onnxruntime-node";
import { z } from "zod";
import { carryingOf } from "../../models/carrying.ts";
import type { StudentModel } from "../../models/student-model.ts";
import { languagesOf, pathOf, targetOf } from "../corpus/config.ts";
import { type TextModel, transformerModel } from "../decoding/text-model.ts";
import { type EvaluationReport, formatEvaluationReport, testOf } from "../evaluation/report.ts";
import { evaluateStreaming } from "../evaluation/streaming.ts";
import { readTestSet, type TestSet } from "../evaluation/test-set.ts";
import { evaluateWholeSentences, translateWholeSentences } from "../evaluation/whole-sentence.ts";
import { SAMPLES_FILE, type Sample } from "../runs/run-report.ts";
import { dataPath, type StageContext } from "./context.ts";
import type { PreparedStage } from "./prepare-stage.ts";
import { StageFolder } from "./stage-folder.ts";
import type { StudentStage } from "./student-stage.ts";
import { type TeacherStage, teacherFor } from "./teacher.ts";
import { score, studentStepModel, studentTranslations, validationSentences, waitKStudentModel } from "./validation.ts";

const qualitySchema = z.object({ bleu: z.number(), chrf: z.number(), brevityPenalty: z.number() });
const teacherScoreSchema = qualitySchema.extend({
  test: z.string(),
  target: z.string().optional(),
  noisy: qualitySchema.optional(),
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
  const served = {
    ...(student.type === "ctc" && { precision, biases, defaultWait }),
    ...(student.type === "wait-k" && { precision, defaultWait }),
  };
  const { noise, ...settings } = recipe.evaluate;
  const noiseLanguage = noise ? prepared.corpus.index.source : undefined;
  const input = { student: student.key, evaluate: { ...settings, ...(noise && { noise }) }, ...served };
  const folder = new StageFolder(context.work, recipe.name, "evaluate", input);
  const known = folder.result;
  if (known !== undefined) return { key: folder.key, ...resultSchema.parse(known) };

  const path = folder.open();
  const { beam, lengthPenalty, waits } = settings;
  const search = { beam, lengthPenalty, maxLengthRatio: 2 };
  const { tokenizer } = prepared.corpus;
  const searched = (test: TestSet, model: TextModel) =>
    evaluateWholeSentences(test, model, search, recipe.threads, noiseLanguage);
  const runner = await streamingRunner(context, prepared, student);
  const samples: Sample[] = [];
  const result: EvaluationResult = { blankBias: runner?.blankBias ?? null, teacher: [], student: [] };
  try {
    for (const entry of recipe.corpus.test) {
      const target = Array.isArray(recipe.corpus.target) ? targetOf(entry) : undefined;
      const languages = languagesOf(recipe.corpus, entry);
      const test = await readTestSet(dataPath(context, pathOf(entry)), { target, languages });
      const prefix = prepared.corpus.prefixOf(target);
      const { model } = teacherFor(teacher, prepared, target).teacher;
      const { bleu, chrf, brevityPenalty, noisy } = (await searched(test, model)).rows[0]!;
      const named = { test: test.name, ...(target !== undefined && { target }) };
      result.teacher.push({ ...named, bleu, chrf, brevityPenalty, ...(noisy && { noisy }) });
      context.say(`evaluate: ${testOf(named)}: teacher BLEU ${bleu.toFixed(2)}, chrF ${chrf.toFixed(2)}`);
      const report = runner
        ? await evaluateStreaming(test, runner.model, tokenizer, {
            ...{ waits, prefix, noiseLanguage, batchSize: 64 },
            carrying: carryingOf({ name: recipe.name, ...languages, placeholders: student.learnt.placeholders }),
          })
        : await searched(test, transformerModel({ ...student, prefix }, tokenizer));
      result.student.push(report);
      context.say(formatEvaluationReport(report));
      const shown = test.sentences.slice(0, SAMPLE_SENTENCES);
      const sources = shown.map(({ source }) => source);
      const whole = (model: TextModel) => translateWholeSentences(sources, model, search, recipe.threads);
      const byTeacher = await whole(model);
      const byStudent = runner
        ? await studentTranslations(
            runner.model,
            prepared.corpus,
            { sources, prefixes: sources.map(() => prefix) },
            defaultWait,
          )
        : await whole(transformerModel({ ...student, prefix }, tokenizer));
      for (const [at, { source, references }] of shown.entries()) {
        const texts = { teacher: byTeacher[at], student: byStudent[at] };
        samples.push({ test: testOf(named), source, reference: references[0], ...texts });
      }
    }
  } finally {
    await runner?.model.release();
  }
  writeFileSync(join(path, "report.txt"), result.student.map(formatEvaluationReport).join("\n\n"));
  writeFileSync(join(path, SAMPLES_FILE), `${JSON.stringify(samples, null, 2)}\n`);
  folder.finish(result);
  return { key: folder.key, ...result };
}

/** Of each test set, from its start, for the report. */
const SAMPLE_SENTENCES = 8;

type CtcStudent = Extract<StudentStage, { type: "ctc" }>;

/** What runs a student that streams, as it will be served; undefined for one of whole sentences. */
async function streamingRunner(
  context: StageContext,
  prepared: PreparedStage,
  student: StudentStage,
): Promise<{ readonly blankBias: number | null; readonly model: StudentModel } | undefined> {
  if (student.type === "ctc") return biasedRunner(context, prepared, student);
  if (student.type === "autoregressive") return undefined;
  const { threads, export: exported } = context.recipe;
  const options = { precision: exported.precision, threads };
  return { blankBias: null, model: await waitKStudentModel(ort, student.architecture, student.weights, options) };
}

/** The student's step model with the blank bias that is best on the validation sentences. */
async function biasedRunner(context: StageContext, prepared: PreparedStage, student: CtcStudent) {
  const { threads, student: settings } = context.recipe;
  const { precision, blankBias: biases, defaultWait } = context.recipe.export;
  const open = (blankBias: number) =>
    studentStepModel(ort, student.architecture, student.weights, { precision, blankBias, threads });
  const valid = await validationSentences(prepared.corpus, settings.training.validationSentences);
  const qualities: [number, number][] = [];
  for (const blankBias of biases) {
    const model = await open(blankBias);
    const texts = await studentTranslations(model, prepared.corpus, valid, defaultWait);
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
