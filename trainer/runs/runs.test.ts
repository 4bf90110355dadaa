import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { compareRuns, formatComparison } from "./compare.ts";
import { runReport } from "./run-report.ts";
import { findRun, formatRuns, readRuns } from "./runs.ts";

let work: string;

function put(path: string, content: string): void {
  mkdirSync(dirname(join(work, path)), { recursive: true });
  writeFileSync(join(work, path), content);
}

const log = (...bleus: number[]) =>
  bleus
    .flatMap((bleu, at) => [
      { step: 20 * (at + 1), loss: 5 - at, rate: 1e-3, tokensPerSecond: 900, seconds: 60 * (at + 1) },
      { step: 20 * (at + 1), validation: { bleu } },
    ])
    .map((line) => `${JSON.stringify(line)}\n`)
    .join("");

const evaluation = (bleu: number) =>
  JSON.stringify({
    teacher: [{ test: "talk", bleu: 30, chrf: 50, brevityPenalty: 1 }],
    student: [{ test: "talk", rows: [{ wait: 3, bleu, chrf: 40, averageLagging: 2.5 }] }],
  });

beforeAll(() => {
  work = mkdtempSync(join(tmpdir(), "souffleur-runs-"));
  for (const [name, beam, bleu] of [
    ["first", 2, 20],
    ["second", 4, 21.5],
  ] as const) {
    put(`${name}/recipe.resolved.yaml`, `name: ${name}\ndistill: { beam: ${beam} }\nmadeWith: { node: v${beam} }\n`);
    put(`${name}/teacher-0123456789ab/log.jsonl`, log(10, 12, 11));
    put(`${name}/teacher-0123456789ab/done.json`, "{}");
    put(`${name}/evaluate-0123456789ab/done.json`, evaluation(bleu));
  }
  put("second/student-aaaaaaaaaaaa/log.jsonl", `${log(7)}{"step": 40, "lo`);
  put("second/student-aaaaaaaaaaaa/lock.json", "{}");
  put("second/student-bbbbbbbbbbbb/log.jsonl", log(5));
  put("second/student-bbbbbbbbbbbb/fine-tune/log.jsonl", log(6));
  put("notes/readme.txt", "no run");
});
afterAll(() => rmSync(work, { recursive: true }));

test("lists runs with the state, steps, best BLEU and time of their stages", () => {
  const runs = readRuns(work);
  expect(runs.map(({ name }) => name)).toEqual(["first", "second"]);
  const stages = new Map(runs[1].stages.map((stage) => [stage.id, stage]));
  expect(stages.get("teacher-0123456789ab")).toMatchObject({ state: "done", steps: 60, bestBleu: 12, seconds: 180 });
  expect(stages.get("student-aaaaaaaaaaaa")).toMatchObject({ state: "running", steps: 20, bestBleu: 7 });
  expect(stages.get("student-bbbbbbbbbbbb")).toMatchObject({ state: "stopped" });
  expect(stages.get("evaluate-0123456789ab")).toMatchObject({ steps: null, bestBleu: null });
  expect(formatRuns(runs)).toMatch(/^first +teacher-0123456789ab +done +60 +12\.00 +3\.0 +\d{4}-/m);
  expect(readRuns(join(work, "nowhere"))).toEqual([]);
});

test("compares what recipes say and what came of it", () => {
  const comparison = compareRuns(work, ["first", "second"]);
  expect(comparison.recipe).toEqual([
    { name: "name", a: "first", b: "second" },
    { name: "distill.beam", a: 2, b: 4 },
  ]);
  expect(comparison.figures).toContainEqual({ name: "talk: wait 3, BLEU", a: 20, b: 21.5 });
  expect(comparison.figures).toContainEqual({ name: "student: steps", a: null, b: 20 });
  const text = formatComparison(comparison);
  expect(text).toMatch(/^distill\.beam +2 +4$/m);
  expect(text).toMatch(/^talk: wait 3, BLEU +20\.00 +21\.50 +1\.50$/m);
  const stages = compareRuns(work, ["second/student-aaaaaaaaaaaa", "second/student-bbbbbbbbbbbb"]);
  expect(formatComparison(stages)).toMatch(
    /^the recipes are the same\n\n.*\n(.*\n)+student: best valid BLEU +7\.00 +5\.00 +-2\.00$/m,
  );
});

test("a run or stage that is not there is refused with those that are", () => {
  expect(() => compareRuns(work, ["first", "third"])).toThrow(/has no run third: there are first, second/);
  expect(() => compareRuns(work, ["first/x", "second"])).toThrow(/first has no stage x: it has teacher-/);
});

test("a report has the curves of a student and of its fine-tuning", () => {
  const { training } = runReport(findRun(work, "second"));
  expect(training.map(({ stage }) => stage)).toEqual(["teacher", "student", "student, fine-tuned"]);
  expect(training[2].validation.bleu.y).toEqual([6]);
});
