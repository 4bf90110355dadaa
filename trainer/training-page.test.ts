// docs/training.md against the recipe's schema: every field, with its default; and its example is a recipe.
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { parseRecipe } from "./recipe.ts";

const page = readFileSync(new URL("../docs/training.md", import.meta.url), "utf8");

const BARE = "name: a\ncorpus: { source: en, target: de, train: [{ path: a.tsv }] }\n";

/** Every leaf of a resolved recipe, teacher's and student's shared fields once: `training.steps` for both. */
function leaves(value: unknown, path = ""): [string, unknown][] {
  if (Array.isArray(value) && path === "corpus.train") return leaves(value[0], "corpus.train[]");
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [[path, value]];
  return Object.entries(value).flatMap(([key, inner]) => leaves(inner, path === "" ? key : `${path}.${key}`));
}

/** The default that the page gives each field it names. */
const documented = new Map(
  page
    .split("\n")
    .filter((line) => line.startsWith("| `"))
    .flatMap((line): [string, string][] => {
      const [, names, value] = line.split("|").map((cell) => cell.trim());
      const fields = names.split(", ").map((name) => name.replaceAll("`", ""));
      const values = fields.length > 1 ? value.split(", ") : [value];
      return fields.map((field, at) => [field, values[at] ?? ""]);
    }),
);

const asWritten = (value: unknown): string =>
  Array.isArray(value) ? `[${value.join(", ")}]` : value === "" ? '""' : String(value);

it.each(leaves(parseRecipe(BARE, "bare")))("%s has the default that the page gives", (path, value) => {
  const field = path.replace(/^(?:teacher|student)\.(?=architecture|training|noise)/, "");
  expect([...documented.keys()]).toContain(field);
  // The student's loss has no smoothing: the page says so in words.
  if (path === "student.training.labelSmoothing") return;
  const given = documented.get(field);
  if (given === "") return expect(BARE).toContain(String(value)); // it has no default
  expect(Number(given) === value ? value : given).toBe(typeof value === "number" ? value : asWritten(value));
});

it("names the fields that may be left out altogether", () => {
  for (const field of [
    "training.init",
    "teacher.bundle",
    "corpus.tokenizer.file",
    "distill.corpora",
    "distill.hypotheses",
    "distill.topK",
    "corpus.train[].name",
  ]) {
    expect([...documented.keys()]).toContain(field);
  }
});

it("has an example that is a recipe", () => {
  const [, example] = /```yaml\n(\s+name: my-pair[\s\S]*?)```/.exec(page) ?? [];
  const recipe = parseRecipe(example.replace(/^ {3}/gm, ""), "example");
  expect(recipe.corpus.train).toHaveLength(1);
});
