// What is checked between the stages, before hours of work go into a recipe that cannot be followed.
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseRecipe, RecipeError } from "./recipe.ts";
import { type RunOptions, runStages } from "./stages.ts";

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "souffleur-stages-"));
  writeFileSync(join(dir, "talk.tsv"), "The boat is new.\tDas Boot ist neu.\nThe tea is cold.\tDer Tee ist kalt.\n");
});
afterAll(() => rmSync(dir, { recursive: true }));

describe("a recipe without a validation set", () => {
  const text = `
name: unchecked
corpus: { source: en, target: de, train: [{ path: talk.tsv }], tokenizer: { size: 64, minimumCount: 1 } }
`;
  const run = (more: string, until: RunOptions["until"]) => {
    const recipe = parseRecipe(text + more, "unchecked.yaml");
    const context = { recipe, data: dir, work: join(dir, "work"), quiet: true, say: () => {} };
    return runStages(context, { until, version: "0.0.0" });
  };
  const refusal = new RecipeError("corpus.valid names no file: training compares its checkpoints on a validation set");

  test("is prepared", async () => {
    await expect(run("", "prepare")).resolves.toBeUndefined();
  });

  test.each([
    ["", "teacher"],
    ["", "export"],
    ["teacher: { bundle: nowhere }", "student"],
  ] as const)("is refused before anything is trained: %j, until %s", async (more, until) => {
    await expect(run(more, until)).rejects.toThrow(refusal);
    expect(readdirSync(join(dir, "work", "unchecked")).filter((name) => name.startsWith("teacher"))).toEqual([]);
  });

  test("is distilled with a teacher that is there", async () => {
    // No teacher is there: that it is looked for is all that this shows.
    await expect(run("teacher: { bundle: nowhere }", "distill")).rejects.toThrow(/nowhere/);
  });
});
