// docs/training.md against the recipe's schema: every field, with its default; and its example is a recipe.
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { parseRecipe, recipeSchema } from "./recipe.ts";
import { fieldsOf } from "./recipe-fields.ts";
import { pageField, pageRows } from "./recipe-page.ts";

const page = readFileSync(new URL("../docs/training.md", import.meta.url), "utf8");

const BARE = "name: a\ncorpus: { source: en, target: de, train: [{ path: a.tsv }] }\n";

/** Every leaf of a resolved recipe, teacher's and student's shared fields once: `training.steps` for both. */
function leaves(value: unknown, path = ""): [string, unknown][] {
  if (Array.isArray(value) && path === "corpus.train") return leaves(value[0], "corpus.train[]");
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [[path, value]];
  return Object.entries(value).flatMap(([key, inner]) => leaves(inner, path === "" ? key : `${path}.${key}`));
}

const documented = pageRows(page);

const asWritten = (value: unknown): string =>
  Array.isArray(value) ? `[${value.join(", ")}]` : value === "" ? '""' : String(value);

it.each(leaves(parseRecipe(BARE, "bare")))("%s has the default that the page gives", (path, value) => {
  const field = pageField(path);
  expect([...documented.keys()]).toContain(field);
  // The student's loss has no smoothing: the page says so in words.
  if (path === "student.training.labelSmoothing") return;
  const given = documented.get(field)?.default;
  if (given === "") return expect(BARE).toContain(String(value)); // it has no default
  expect(Number(given) === value ? value : given).toBe(typeof value === "number" ? value : asWritten(value));
});

it("names every field of the schema, those that may be left out altogether too", () => {
  const fields = fieldsOf(recipeSchema).map(({ path }) => pageField(path));
  expect(fields).toContain("corpus.train[].origin");
  expect(fields.filter((field) => !documented.has(field))).toEqual([]);
});

it("has an example that is a recipe", () => {
  const [, example] = /```yaml\n(\s+name: my-pair[\s\S]*?)```/.exec(page) ?? [];
  const recipe = parseRecipe(example.replace(/^ {3}/gm, ""), "example");
  expect(recipe.corpus.train).toHaveLength(1);
});
