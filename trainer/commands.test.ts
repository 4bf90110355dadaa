// The trainer's commands as they are parsed: what is wrong use, and which codes they end with.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command, CommanderError } from "commander";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { registerTrainerCommands } from "./commands.ts";
import { RecipeError } from "./recipe.ts";
import { Interrupted } from "./training/loop.ts";

let dir = "";
const at = (name: string) => join(dir, name);
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "souffleur-commands-"));
  writeFileSync(at("bad.yaml"), "name: bad\nspeed: 3\n");
  writeFileSync(at("talk.tsv"), "The boat is new.\tDas Boot ist neu.\n");
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** The path of a small recipe. */
function recipe(name: string, corpus: string, more = ""): string {
  const train = `[{ path: ${corpus}, name: here }]`;
  const tokenizer = "{ size: 64, minimumCount: 1 }";
  const lines = [`name: ${name}`, `corpus: { source: en, target: de, train: ${train}, tokenizer: ${tokenizer} }`, more];
  writeFileSync(at(`${name}.yaml`), lines.join("\n"));
  return at(`${name}.yaml`);
}

/** The error that a command line ends with, and what was written to standard error. */
async function failure(...argv: string[]): Promise<{ error: unknown; said: string }> {
  let said = "";
  const program = new Command("souffleur").exitOverride().configureOutput({
    writeErr: (text) => {
      said += text;
    },
  });
  const env = { SOUFFLEUR_WORK: at("work"), SOUFFLEUR_DATA: dir };
  registerTrainerCommands(program, { root: join(import.meta.dirname, ".."), version: "0.0.0", env });
  const error = await program.parseAsync(argv, { from: "user" }).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return { error, said };
}

describe("wrong use is said before any work", () => {
  test.each([
    [["train"], "missing required argument 'recipe'"],
    [["train", "tiny", "--until", "lunch"], "Allowed choices are prepare, teacher, distill, student, evaluate, export"],
    [["distill", "tiny", "--shard", "3/2"], "It must be like 1/2"],
    [["distill", "tiny", "--shard", "0/2"], "It must be like 1/2"],
    [["evaluate", "--bundle", "/nowhere/at-all", "--test", "x"], "There is no bundle in /nowhere/at-all"],
    [["export-step", "--bundle", "/nowhere/at-all", "--out", "x"], "There is no bundle in /nowhere/at-all"],
    [["export-step", "--precision", "int4"], "Allowed choices are fp32, int8"],
    [["export-step", "--bundle", "models/en-de"], "export-step takes either --out FILE or --in-place"],
    [["evaluate", "--wait", "1,half"], 'neither a whole number of tokens nor "full"'],
    [["evaluate", "--beam", "0"], "whole number of 1 or more"],
    [["evaluate", "--test", "/nowhere/at-all.tsv"], "There is no file /nowhere/at-all.tsv"],
    [["curve", "--bundle", "/nowhere/at-all"], "There is no bundle in /nowhere/at-all"],
    [["curve", "--test", "/nowhere/at-all.tsv"], "There is no file /nowhere/at-all.tsv"],
  ])("souffleur %j", async (argv, message) => {
    const { error, said } = await failure(...argv);
    expect(error).toBeInstanceOf(CommanderError);
    expect(said).toContain(message);
  });
});

test.each(["prepare", "teacher", "distill", "student", "export", "train"])(
  "%s takes a recipe and checks it",
  async (name) => {
    const { error } = await failure(name, at("bad.yaml"));
    expect(error).toMatchObject({ exitCode: 2, message: expect.stringContaining("bad.yaml:2: speed") });
  },
);

test("a recipe that does not fit ends with code 2 and its line", async () => {
  const { error } = await failure("train", at("bad.yaml"));
  expect(error).toMatchObject({ exitCode: 2, message: expect.stringContaining("bad.yaml:2: speed") });
  expect((await failure("train", at("nowhere.yaml"))).error).toMatchObject({ exitCode: 2 });
});

test("a corpus that is not there ends with code 2, and says where it is looked for", async () => {
  const { error } = await failure("prepare", recipe("lost", "missing.tsv"));
  expect(error).toBeInstanceOf(RecipeError);
  expect(error).toMatchObject({
    exitCode: 2,
    message: `${at("missing.tsv")} is not there: give the data folder with --data or SOUFFLEUR_DATA`,
  });
});

test("a corpus to distil that the recipe does not have ends with code 2 before anything is trained", async () => {
  const { error } = await failure("train", recipe("unknown", "talk.tsv", "distill: { corpora: [other] }"), "--quiet");
  expect(error).toMatchObject({ exitCode: 2, message: "distill.corpora names other; the recipe's corpora are here" });
});

test("an interruption ends with code 130", () => {
  expect(new Interrupted("stopped").exitCode).toBe(130);
});

test("a signal between stages ends the run with everything that is done", async () => {
  const before = process.listenerCount("SIGTERM");
  const running = failure("train", recipe("signal", "talk.tsv"), "--quiet");
  while (process.listenerCount("SIGTERM") === before) await Promise.resolve();
  process.emit("SIGTERM", "SIGTERM");
  expect((await running).error).toMatchObject({ exitCode: 130, message: expect.stringContaining("after prepare") });
});
