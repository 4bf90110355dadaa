// What a stop, a kill and a share of the work leave, through the command line, on a recipe cut down to seconds.
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isBuilt, RECIPES, type Stop, souffleur, souffleurDone } from "./souffleur-process.testing.ts";
import { StageLock } from "./stages/stage-lock.ts";

const STEPS = 60;

/** Every part of the student's training that draws: dropout, lags, glancing, joined sentences. */
const recipe = `
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
  training: &training
    steps: ${STEPS}
    batchTokens: 512
    warmUpSteps: 10
    validateEverySteps: 25
    validationSentences: 4
    averageSnapshots: 2
    checkpointSeconds: 0.05
    logEverySteps: 1
    ema: 0.9
    bpeDropout: { source: 0.1, target: 0.1 }
distill: { beam: 2, maxLengthRatio: 1, partSentences: 40 }
student: { architecture: *sizes, training: *training, glancing: { start: 0.5, end: 0.5 }, waits: { maximum: 3, full: 0.3 } }
export: { blankBias: [0] }
`;

let dir: string;
let file: string;
const work = (name: string) => join(dir, name);
const argvOf = (command: string, name: string, ...more: string[]) => [
  ...[command, file, "--data", RECIPES, "--work", work(name)],
  ...more,
];
const trainUntil = (until: string, name: string) => argvOf("train", name, "--until", until);

/** The folder of a stage; a path that is not there before the stage has begun. */
function stage(name: string, of: string): string {
  const folder = join(work(name), "small");
  const found = existsSync(folder) ? readdirSync(folder).find((entry) => entry.startsWith(`${of}-`)) : undefined;
  return join(folder, found ?? of);
}

interface LogLine {
  readonly step: number;
  readonly loss?: number;
}

function logOf(folder: string): LogLine[] {
  const path = join(folder, "log.jsonl");
  const lines = existsSync(path) ? readFileSync(path, "utf8").split("\n").slice(0, -1) : [];
  return lines.map((line) => ({ ...JSON.parse(line), tokensPerSecond: 0, seconds: 0, peakMegabytes: 0 }));
}

/** Once so many steps are in a stage's log and, for a kill, a checkpoint lies behind them. */
const afterSteps = (name: string, of: string, steps: number, signal: NodeJS.Signals): Stop => ({
  signal,
  when: () => {
    const folder = stage(name, of);
    const kept = signal === "SIGTERM" || existsSync(join(folder, "checkpoint", "state.json"));
    return kept && logOf(folder).length >= steps;
  },
});

describe.skipIf(!isBuilt)("a run that was stopped", () => {
  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), "souffleur-resume-"));
    file = join(dir, "small.yaml");
    writeFileSync(file, recipe);
    await souffleurDone(trainUntil("student", "whole"));
  }, 240_000);
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  const expectSame = (name: string, of: string) => {
    const log = logOf(stage(name, of));
    expect(log).toEqual(logOf(stage("whole", of)));
    expect(log.filter(({ loss }) => loss !== undefined).map(({ step }) => step)).toEqual(
      Array.from({ length: STEPS }, (_, index) => index + 1),
    );
    const weights = (at: string) => readFileSync(join(stage(at, of), "weights.safetensors"));
    expect(weights(name).equals(weights("whole"))).toBe(true);
  };

  /** A work folder in which the stages before `of` are done. */
  function workBefore(of: string, name: string): void {
    cpSync(work("whole"), work(name), { recursive: true });
    const stages = ["prepare", "teacher", "distill", "student"];
    for (const later of stages.slice(stages.indexOf(of))) rmSync(stage(name, later), { recursive: true });
  }

  test.each(["teacher", "student"])("by SIGTERM: the %s has the same losses in the end", async (of) => {
    const name = `terminated-${of}`;
    workBefore(of, name);
    const argv = trainUntil(of, name);
    for (const steps of [5, 30]) {
      const stopped = await souffleur(argv, { stop: afterSteps(name, of, steps, "SIGTERM") });
      expect(stopped.code, stopped.errors).toBe(130);
      expect(stopped.errors).toMatch(/stopped at step \d+; the state is saved in .*run the same command to go on/);
      expect(logOf(stage(name, of)).length).toBeLessThan(STEPS);
    }
    await souffleurDone(argv);
    expectSame(name, of);
  });

  test.each(["teacher", "student"])("by SIGKILL: the %s has the same losses in the end", async (of) => {
    const name = `killed-${of}`;
    workBefore(of, name);
    const argv = trainUntil(of, name);
    const killed = await souffleur(argv, { stop: afterSteps(name, of, 20, "SIGKILL") });
    expect(killed.signal, killed.errors).toBe("SIGKILL");
    expect(logOf(stage(name, of)).length).toBeLessThan(STEPS);
    await souffleurDone(argv);
    expectSame(name, of);
  });

  const partsOf = (name: string) => {
    const folder = join(stage(name, "distill"), "parts");
    const files = existsSync(folder) ? readdirSync(folder).filter((entry) => entry.endsWith(".json")) : [];
    return Object.fromEntries(files.sort().map((entry) => [entry, readFileSync(join(folder, entry), "utf8")]));
  };
  const shardOf = (name: string) => readFileSync(join(stage(name, "distill"), "tiny.train.shard"));
  const partCount = () => Object.keys(partsOf("whole")).length;

  test("while distilling, keeps the parts that are done and makes the others the same", async () => {
    workBefore("distill", "stopped-distill");
    const argv = argvOf("distill", "stopped-distill");
    const some = { signal: "SIGTERM", when: () => Object.keys(partsOf("stopped-distill")).length > 0 } as const;
    const stopped = await souffleur(argv, { stop: some });
    expect(stopped.code, stopped.errors).toBe(130);
    const kept = partsOf("stopped-distill");
    expect(Object.keys(kept).length).toBeLessThan(partCount());
    await souffleurDone(argv);
    expect(partsOf("stopped-distill")).toEqual(partsOf("whole"));
    expect(partsOf("stopped-distill")).toMatchObject(kept);
    expect(shardOf("stopped-distill")).toEqual(shardOf("whole"));
  });

  test("in two shares, distills what one run distills", async () => {
    workBefore("distill", "shared");
    const first = await souffleurDone(argvOf("distill", "shared", "--shard", "1/2"));
    expect(first.errors).toMatch(/share 1\/2 is done; \d+ of \d+ parts are left to other shares/);
    expect(Object.keys(partsOf("shared"))).toHaveLength(Math.ceil(partCount() / 2));
    await souffleurDone(argvOf("distill", "shared", "--shard", "2/2"));
    expect(partsOf("shared")).toEqual(partsOf("whole"));
    expect(shardOf("shared")).toEqual(shardOf("whole"));
  });

  test("is not gone on with while another process holds its folder", async () => {
    workBefore("teacher", "held");
    const folder = stage("whole", "teacher").replace("whole", "held");
    mkdirSync(folder, { recursive: true });
    const lock = StageLock.take(folder);
    const argv = trainUntil("teacher", "held");
    const refused = await souffleur(argv);
    lock.release();
    expect(refused.code).toBe(1);
    expect(refused.errors).toContain(`souffleur: ${folder} is being written by process ${process.pid}: wait for it`);
    expect(logOf(folder)).toEqual([]);
    await souffleurDone(argv);
    expectSame("held", "teacher");
    expect(existsSync(join(folder, "lock.json"))).toBe(false);
  });
});
