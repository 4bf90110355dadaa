import { expect, test } from "vitest";
import { parseRecipe } from "./recipe.ts";
import { BARE_RECIPE, formatFields } from "./recipe-command.ts";
import { explainRecipe, pageRows } from "./recipe-page.ts";

const bare = parseRecipe(BARE_RECIPE, "bare");

test("every field has a meaning", () => {
  const silent = explainRecipe(bare, bare).filter(({ meaning }) => meaning === "");
  expect(silent.map(({ field }) => field)).toEqual([]);
});

test("values are the recipe's, one for each corpus, and what it sets is told from the defaults", () => {
  const text = `${BARE_RECIPE}student: { training: { steps: 7 } }\n`.replace(
    "train.tsv }",
    "a.tsv, weight: 2 }, { path: b.tsv }",
  );
  const fields = new Map(explainRecipe(parseRecipe(text, "x"), bare).map((field) => [field.field, field]));
  expect(fields.get("corpus.train[].weight")).toMatchObject({ value: [2, 1], default: "1", set: true });
  expect(fields.get("student.training.steps")).toMatchObject({ value: 7, default: "10000", set: true });
  expect(fields.get("teacher.training.steps")).toMatchObject({ value: 10_000, set: false });
  expect(fields.get("teacher.bundle")).toMatchObject({ value: undefined, set: false });
  const shown = formatFields([fields.get("student.training.steps")!, fields.get("corpus.train[].path")!], true);
  expect(shown).toContain("student.training.steps = 7 (default 10000)\n    updates at most\n");
  expect(shown).toContain("corpus.train[].path = [a.tsv, b.tsv]\n");
});

test("a row of two fields gives each its own default, without Markdown's marks", () => {
  const rows = pageRows("| `a.b`, `a.c` | 1, 2 | the `x` of [this](page.md#there) |\n| other | 3 | no field |\n");
  expect([...rows]).toEqual([
    ["a.b", { default: "1", meaning: "the x of this" }],
    ["a.c", { default: "2", meaning: "the x of this" }],
  ]);
});
