// What faults of the machine leave of a run, through the command line: a full disk, a damaged shard, a damaged checkpoint.
import { spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isBuilt, RECIPES, souffleur, souffleurDone } from "./souffleur-process.testing.ts";

const recipe = `
name: small
corpus:
  source: en
  target: de
  train: [{ path: tiny/train.tsv }]
  valid: [tiny/valid.tsv]
  tokenizer: { size: 100, minimumCount: 1 }
teacher:
  architecture: { width: 64, heads: 2, feedForward: 128, encoderLayers: 2, decoderLayers: 1, maxPositions: 96 }
  training:
    steps: 30
    batchTokens: 512
    warmUpSteps: 10
    validateEverySteps: 15
    validationSentences: 4
    averageSnapshots: 1
    checkpointSeconds: 0.05
    logEverySteps: 1
`;

let dir: string;
let file: string;
const argvOf = (work: string) => ["train", file, "--data", RECIPES, "--work", work, "--until", "teacher"];
const stage = (work: string, of: string) => {
  const folder = join(work, "small");
  return join(folder, readdirSync(folder).find((name) => name.startsWith(`${of}-`)) ?? of);
};

/** A disk of its own of `megabytes`; undefined where this user may not mount one. */
function smallDisk(megabytes: number): string | undefined {
  const at = mkdtempSync(join(tmpdir(), "souffleur-disk-"));
  const { status } = spawnSync("mount", ["-t", "tmpfs", "-o", `size=${megabytes}m`, "tmpfs", at]);
  if (status === 0) return at;
  rmSync(at, { recursive: true });
  return undefined;
}

const disk = isBuilt ? smallDisk(3) : undefined;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), "souffleur-faults-"));
  file = join(dir, "small.yaml");
  writeFileSync(file, recipe);
  if (isBuilt) await souffleurDone(argvOf(join(dir, "whole")));
}, 120_000);
afterAll(() => {
  rmSync(dir, { recursive: true, force: true });
  if (!disk) return;
  spawnSync("umount", [disk]);
  rmSync(disk, { recursive: true, force: true });
});

describe.skipIf(!disk)("a disk that is full (where one may be mounted)", () => {
  test("ends the run with what to do, keeps the last checkpoint whole, and the run goes on once there is room", async () => {
    const work = disk!;
    await souffleurDone(["prepare", file, "--data", RECIPES, "--work", work]);
    // Room for the first checkpoint or two, but not for all that the run keeps.
    const { errors, code } = await souffleur(argvOf(work));
    expect(code, errors).toBe(1);
    expect(errors).toMatch(/souffleur: the disk is full: .*safetensors could not be written \(\d+ MB are free\)/);
    expect(errors).toContain("What was saved before is kept: make room and run the same command to go on");
    const folder = stage(work, "teacher");
    const { step } = JSON.parse(readFileSync(join(folder, "checkpoint", "state.json"), "utf8"));
    expect(step).toBeGreaterThan(0);
    const left = readdirSync(folder, { recursive: true }).map(String);
    expect(left.filter((name) => /partial|\.new/.test(name))).toEqual([]);
    expect(existsSync(join(folder, "lock.json"))).toBe(false);
    spawnSync("mount", ["-o", "remount,size=40m", work]);
    await souffleurDone(argvOf(work));
    const weights = (at: string) => readFileSync(join(stage(at, "teacher"), "weights.safetensors"));
    expect(weights(work).equals(weights(join(dir, "whole")))).toBe(true);
  });
});

describe.skipIf(!isBuilt)("a damaged shard", () => {
  test("is named with what to do, and is made again", async () => {
    const work = join(dir, "shard");
    mkdirSync(work);
    cpSync(join(dir, "whole"), work, { recursive: true });
    rmSync(stage(work, "teacher"), { recursive: true });
    const prepared = stage(work, "prepare");
    const shard = join(prepared, "corpus", "train", "tiny.train.shard");
    truncateSync(shard, 1000);
    const { errors, code } = await souffleur(argvOf(work));
    expect(code).toBe(1);
    expect(errors).toContain(`souffleur: ${shard} has 1000 bytes, its header says`);
    expect(errors).toContain(`Remove ${prepared} and run the same command: it is made again`);
    rmSync(prepared, { recursive: true });
    await souffleurDone(argvOf(work));
  });
});
