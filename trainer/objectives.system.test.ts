// Every kind of student and every objective, by recipe alone: trains, goes on exactly after a stop, is evaluated and exported.
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadBundle } from "../models/bundle.ts";
import { evaluateBundle } from "./evaluation/evaluate-bundle.ts";
import { parseRecipe } from "./recipe.ts";
import type { StageContext } from "./stages/context.ts";
import type { StageName } from "./stages/stage-folder.ts";
import { runStages } from "./stages.ts";
import { Interrupted } from "./training/loop.ts";

const RECIPES = join(import.meta.dirname, "recipes");
const STEPS = 24;

const training = (steps: number) =>
  `{ steps: ${steps}, batchTokens: 512, warmUpSteps: 10, peakRate: 4e-3, validateEverySteps: ${Math.ceil(steps / 2)}, ` +
  "validationSentences: 2, averageSnapshots: 2, logEverySteps: 1 }";

/** The teacher's steps are as few as give sentences that a CTC student's slots can hold. */
const recipe = (student: string) => `
name: small
corpus:
  source: en
  target: de
  train: [{ path: tiny/train.tsv, join: 0.2 }]
  valid: [tiny/valid.tsv]
  test: [tiny/test.tsv]
  tokenizer: { size: 100, minimumCount: 1 }
teacher:
  architecture: &sizes { width: 16, heads: 2, feedForward: 32, encoderLayers: 1, decoderLayers: 1, maxPositions: 96 }
  training: ${training(100)}
distill: { beam: 1, maxLengthRatio: 1, topK: 4 }
student: { architecture: *sizes, training: ${training(STEPS)}, ${student} }
evaluate: { beam: 2, waits: [1] }
export: { blankBias: [0] }
`;

let dir: string;
const work = (name: string) => join(dir, name);

/** Runs the stages up to `until`, stopped once `stopAfter` lines are in the student's log. */
async function run(name: string, student: string, until: StageName, stopAfter?: number) {
  const stop = new AbortController();
  const context: StageContext = {
    recipe: parseRecipe(recipe(student), "small.yaml"),
    ...{ data: RECIPES, work: work(name), quiet: true, signal: stop.signal, say: () => {} },
  };
  const watch =
    stopAfter === undefined ? undefined : setInterval(() => linesLogged(name) >= stopAfter && stop.abort(), 1).unref();
  try {
    return await runStages(context, { until, out: join(work(name), "bundles"), version: "0.0.0" });
  } finally {
    clearInterval(watch);
  }
}

function studentFolder(name: string): string | undefined {
  const folder = join(work(name), "small");
  const found = readdirSync(folder).find((entry) => entry.startsWith("student-"));
  return found === undefined ? undefined : join(folder, found);
}

interface LogLine {
  readonly step: number;
  readonly loss?: number;
  readonly [field: string]: unknown;
}

const studentLog = (name: string): LogLine[] => logOf(studentFolder(name) ?? "");
/** Of both trainings, where there is a second one. */
const linesLogged = (name: string): number =>
  studentLog(name).length + logOf(join(studentFolder(name) ?? "", "fine-tune")).length;

function logOf(folder: string): LogLine[] {
  const path = join(folder, "log.jsonl");
  const lines = existsSync(path) ? readFileSync(path, "utf8").split("\n").slice(0, -1) : [];
  return lines.map((line) => ({ ...JSON.parse(line), tokensPerSecond: 0, seconds: 0, peakMegabytes: 0 }));
}

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), "souffleur-objectives-"));
  await run("before", "type: ctc", "distill");
}, 120_000);
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const AUTOREGRESSIVE = "type: autoregressive";
const CTC = "type: ctc, slotsPerToken: 3, waits: { maximum: 3, full: 0.3 }";
const WAIT_K = "type: wait-k, waits: { maximum: 3, full: 0.3 }";
const WORD = "wordLevel: { weight: 0.5, temperature: 2 }";
const STORED = "wordLevel: { weight: 0.5, temperature: 2, source: stored }";
const INFORMATION = "mutualInformation: { weight: 0.3, entropy: 0.5 }";
const OWN = "onPolicy: { rate: 0.5, fromStep: 4 }";
const IMITATION = "onPolicy: { rate: 0.5, decoding: greedy, labels: token }";
const OWN_INFORMATION = `mutualInformation: { weight: 0.5, entropy: 1, prefixes: own }, ${OWN}`;
const BOTH_KINDS =
  "rawWeight: 1, objective: { wordLevel: { weight: 0.7, pairs: raw }, pairWeights: { distilled: 1, raw: 0.5 } }";

/** A student's fields, and the terms that its log has. */
const STUDENTS: readonly [string, string, readonly string[]][] = [
  ["autoregressive", AUTOREGRESSIVE, []],
  ["word-level", `${AUTOREGRESSIVE}, objective: { ${WORD} }`, ["crossEntropy", "wordLevel"]],
  ["stored", `${AUTOREGRESSIVE}, objective: { ${STORED} }`, ["crossEntropy", "wordLevel"]],
  ["information", `${AUTOREGRESSIVE}, objective: { ${INFORMATION} }`, ["crossEntropy", "mutualInformation"]],
  ["both-kinds", `${AUTOREGRESSIVE}, ${BOTH_KINDS}`, ["crossEntropy", "wordLevel"]],
  ["on-policy", `${AUTOREGRESSIVE}, objective: { ${OWN} }`, ["crossEntropy", "onPolicy"]],
  ["imitation", `${AUTOREGRESSIVE}, objective: { ${WORD}, ${IMITATION} }`, ["crossEntropy", "wordLevel", "onPolicy"]],
  [
    "own-information",
    `${AUTOREGRESSIVE}, objective: { ${OWN_INFORMATION} }`,
    ["crossEntropy", "mutualInformation", "onPolicy"],
  ],
  ["wait-k", WAIT_K, []],
  [
    "wait-k-both-terms",
    `${WAIT_K}, objective: { ${WORD}, ${INFORMATION} }`,
    ["crossEntropy", "wordLevel", "mutualInformation"],
  ],
  ["ctc-word-level", `${CTC}, glancing: { start: 0.5, end: 0.5 }, objective: { ${WORD} }`, ["ctc", "wordLevel"]],
  ["ctc-information", `${CTC}, objective: { ${INFORMATION} }`, ["ctc", "mutualInformation"]],
  ["ctc-stored", `${CTC}, rawWeight: 0.5, objective: { ${STORED} }`, ["ctc", "wordLevel"]],
  ["ctc-both-kinds", `${CTC}, ${BOTH_KINDS}`, ["ctc", "wordLevel"]],
];

describe.each(STUDENTS)("a student: %s", (name, student, terms) => {
  test("trains, and after a stop goes on to the same losses and weights", async () => {
    for (const copy of [name, `${name} stopped`]) cpSync(work("before"), work(copy), { recursive: true });
    await run(name, student, "student");
    const log = studentLog(name);
    const losses = log.flatMap(({ loss }) => loss ?? []);
    expect(losses).toHaveLength(STEPS);
    expect(losses.every(Number.isFinite)).toBe(true);
    for (const line of log.filter(({ loss }) => loss !== undefined)) {
      const values = terms.map((term) => line[term]);
      expect(values).toEqual(values.filter((value) => typeof value === "number" && Number.isFinite(value)));
      if (terms.length > 0)
        expect(values.reduce<number>((sum, value) => sum + Number(value), 0)).toBeCloseTo(line.loss!, 3);
    }
    await expect(run(`${name} stopped`, student, "student", 5)).rejects.toThrow(Interrupted);
    expect(studentLog(`${name} stopped`).length).toBeLessThan(log.length);
    await run(`${name} stopped`, student, "student");
    expect(studentLog(`${name} stopped`)).toEqual(log);
    const weights = (of: string) => readFileSync(join(studentFolder(of)!, "weights.safetensors"));
    expect(weights(`${name} stopped`).equals(weights(name))).toBe(true);
  }, 60_000);
});

test("an autoregressive student is evaluated by beam search, and its bundle says what the evaluation said", async () => {
  const found = await run("autoregressive", "type: autoregressive", "export");
  const bundle = join(work("autoregressive"), "bundles", "small");
  expect(found?.bundles).toEqual({ student: bundle, teacher: `${bundle}-teacher` });
  const { manifest } = await loadBundle(bundle);
  expect(manifest).toMatchObject({ name: "small", kind: "teacher", architecture: { type: "autoregressive" } });
  const file = join(RECIPES, "tiny", "test.tsv");
  const { rows } = await evaluateBundle({ bundle, test: file, wait: [], beam: 2, threads: 1 });
  const [{ bleu, chrf, brevityPenalty }] = rows as [(typeof rows)[number]];
  expect(manifest.quality).toEqual([{ test: "test", wait: null, averageLagging: null, bleu, chrf, brevityPenalty }]);
}, 60_000);

test("fine-tuning trains on for n-gram overlap, goes on exactly after a stop in it, and says what it brought", async () => {
  const student = `rawWeight: 1, fineTune: { steps: ${STEPS}, peakRate: 1e-3, warmUpSteps: 2, validateEverySteps: 12, unigram: 0.5, lagging: 0.01 }`;
  const folder = (name: string) => join(studentFolder(name)!, "fine-tune");
  const log = (name: string) => logOf(folder(name));
  for (const copy of ["tuned", "tuned stopped"]) cpSync(work("before"), work(copy), { recursive: true });
  await run("tuned", student, "student");
  const losses = log("tuned").flatMap(({ loss }) => loss ?? []);
  expect(losses).toHaveLength(STEPS);
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  expect(mean(losses.slice(-6))).toBeLessThan(mean(losses.slice(0, 6)));
  await expect(run("tuned stopped", student, "student", STEPS + 8)).rejects.toThrow(Interrupted);
  await run("tuned stopped", student, "student");
  expect(log("tuned stopped")).toEqual(log("tuned"));
  const done = JSON.parse(readFileSync(join(studentFolder("tuned")!, "done.json"), "utf8"));
  expect(done).toMatchObject({ steps: 2 * STEPS });
  expect(Object.keys(done.qualities)).toContain("fine-tuned, average of 2");
}, 60_000);
