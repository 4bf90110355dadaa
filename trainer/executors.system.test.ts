// Whole stages under both executors: the same log, the same checkpoints, one going on where the other stopped.
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { parseRecipe } from "./recipe.ts";
import { isBuilt, souffleur } from "./souffleur-process.testing.ts";
import type { StageContext } from "./stages/context.ts";
import type { StageName } from "./stages/stage-folder.ts";
import { runStages } from "./stages.ts";
import { hasTorch, python } from "./torch-python.testing.ts";
import { Interrupted } from "./training/loop.ts";

const RECIPES = join(import.meta.dirname, "recipes");
const STEPS = 16;
const RECIPE = `
name: small
corpus:
  source: en
  target: de
  train: [{ path: tiny/train.tsv, join: 0.2 }]
  valid: [tiny/valid.tsv]
  tokenizer: { size: 100, minimumCount: 1 }
teacher:
  architecture: &sizes { width: 16, heads: 2, feedForward: 32, encoderLayers: 1, decoderLayers: 1, maxPositions: 96 }
  training: &training
    steps: ${STEPS}
    batchTokens: 512
    warmUpSteps: 10
    peakRate: 4e-3
    validateEverySteps: 8
    validationSentences: 2
    averageSnapshots: 2
    logEverySteps: 1
distill: { beam: 1, maxLengthRatio: 1 }
student:
  architecture: *sizes
  training: { <<: *training, accumulate: 2, ema: 0.9, averageSnapshots: 1, averageBest: 2 }
  glancing: { start: 0.5, end: 0.3 }
  rawWeight: 1
`;

const lineSchema = z.looseObject({ step: z.int(), loss: z.number().optional(), gradientNorm: z.number().optional() });

describe.skipIf(!hasTorch)("stages under PyTorch", () => {
  let dir: string;
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), "souffleur-executors-"));
  });
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  const logPath = (name: string, stage: "teacher" | "student") => {
    const run = join(dir, name, "small");
    const folder = existsSync(run) ? readdirSync(run).find((entry) => entry.startsWith(`${stage}-`)) : undefined;
    return join(run, folder ?? stage, "log.jsonl");
  };
  const losses = (name: string, stage: "teacher" | "student") => {
    const path = logPath(name, stage);
    const lines = existsSync(path) ? readFileSync(path, "utf8").trim().split("\n") : [];
    return lines.map((line) => lineSchema.parse(JSON.parse(line))).filter((line) => line.loss !== undefined);
  };

  async function run(name: string, until: StageName, torch: boolean, stopAfter?: number): Promise<void> {
    const stop = new AbortController();
    const context: StageContext = {
      ...{ recipe: parseRecipe(RECIPE, "small.yaml"), data: RECIPES, work: join(dir, name) },
      ...{ quiet: true, signal: stop.signal, say: () => {} },
      torch: torch ? { python, processes: 1, precision: "fp32", compile: false } : undefined,
    };
    const enough = () => stopAfter !== undefined && losses(name, "student").length >= stopAfter;
    const watch = setInterval(() => enough() && stop.abort(), 1).unref();
    try {
      await runStages(context, { until, version: "0.0.0" });
    } finally {
      clearInterval(watch);
    }
  }

  function expectSameCurve(name: string, stage: "teacher" | "student"): void {
    const [found, wanted] = [losses(name, stage), losses("ort", stage)];
    expect(found.map(({ step }) => step)).toEqual(Array.from({ length: STEPS }, (_, step) => step + 1));
    for (const [at, { loss, gradientNorm }] of wanted.entries()) {
      expect(Math.abs(found[at]!.loss! / loss! - 1), `loss of step ${at + 1}`).toBeLessThan(1e-3);
      expect(Math.abs(found[at]!.gradientNorm! / gradientNorm! - 1)).toBeLessThan(1e-2);
    }
  }

  test("the teacher's losses are onnxruntime's, step by step", async () => {
    await run("ort", "distill", false);
    await run("torch", "teacher", true);
    expectSameCurve("torch", "teacher");
  });

  test("a student that is stopped twice changes executors, and its losses are those of one that was not", async () => {
    cpSync(join(dir, "ort"), join(dir, "both"), { recursive: true });
    await run("ort", "student", false);
    await expect(run("both", "student", true, 4)).rejects.toBeInstanceOf(Interrupted);
    const first = losses("both", "student").length;
    await expect(run("both", "student", false, first + 3)).rejects.toBeInstanceOf(Interrupted);
    expect(losses("both", "student").length).toBeLessThan(STEPS);
    await run("both", "student", true);
    expectSameCurve("both", "student");
    const done = readFileSync(join(dirname(logPath("both", "student")), "done.json"), "utf8");
    for (const candidate of ["average of 1", "average of the best 2", "moving average at step", "step"])
      expect(done).toMatch(new RegExp(`"${candidate}[^"]*": \\d`));
  });

  test.skipIf(!isBuilt)("the command line names what is missing, and what does not fit", async () => {
    const said = async (...words: string[]) => {
      const { code, errors } = await souffleur(["teacher", "tiny", "--work", join(dir, "never"), ...words]);
      return `${code}: ${errors}`;
    };
    expect(await said("--executor", "torch", "--python", "no-such-python")).toMatch(
      /^2: .*no-such-python cannot be started.*pip install -r/s,
    );
    expect(await said("--bf16")).toMatch(/^2: .*--bf16 says something of PyTorch: add --executor torch/);
    expect(await said("--executor", "torch", "--nodes", "2")).toMatch(
      /^2: .*--nodes, --node and --master belong together/,
    );
    expect(existsSync(join(dir, "never"))).toBe(false);
  });
});
