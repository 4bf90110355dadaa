// What each field of a recipe means: read from the tables of docs/training.md, which is where it is written down.
import { readFileSync } from "node:fs";
import { type Recipe, recipeSchema } from "./recipe.ts";
import { fieldsOf } from "./recipe-fields.ts";
import { packagedFile } from "./training/python.ts";

export const RECIPE_PAGE = "docs/training.md";

/** Settings that teacher and student have alike stand in the page once, without the role. */
const SHARED_BY_ROLES = /^(?:teacher|student)\.(?=(?:architecture|training|noise)\.)/;

export interface PageRow {
  readonly default: string;
  readonly meaning: string;
}

/** The rows of the page's tables of fields, by field. */
export function pageRows(page: string = readFileSync(packagedFile(RECIPE_PAGE), "utf8")): Map<string, PageRow> {
  const rows = new Map<string, PageRow>();
  for (const line of page.split("\n")) {
    if (!line.startsWith("| `")) continue;
    const [, names, value = "", meaning = ""] = line.split("|").map((cell) => cell.trim());
    const fields = names.split(", ").map((name) => name.replaceAll("`", ""));
    const defaults = fields.length > 1 ? value.split(", ") : [value];
    for (const [at, field] of fields.entries()) {
      if (!rows.has(field)) rows.set(field, { default: defaults[at] ?? "", meaning: plain(meaning) });
    }
  }
  return rows;
}

/** The name under which the page has a field. */
export const pageField = (path: string): string => path.replace(SHARED_BY_ROLES, "");

/** A field with what it means and what a recipe says of it. */
export interface ExplainedField {
  readonly field: string;
  readonly meaning: string;
  /** As the page has it; "" where there is none. */
  readonly default: string;
  /** One for each corpus where the field is a corpus's; undefined where it is left out. */
  readonly value: unknown;
  /** Whether the recipe says something else than the default. */
  readonly set: boolean;
}

/** Every field in the order of the schema, with the value that `recipe` has and whether `bare`, all defaults, has another. */
export function explainRecipe(recipe: Recipe, bare: Recipe): ExplainedField[] {
  const rows = pageRows();
  return fieldsOf(recipeSchema).map(({ path }) => {
    const row = rows.get(pageField(path));
    const value = valueAt(recipe, path);
    const set = JSON.stringify(value) !== JSON.stringify(valueAt(bare, path));
    return { field: path, meaning: row?.meaning ?? "", default: row?.default ?? "", value, set };
  });
}

function valueAt(value: unknown, path: string): unknown {
  const [first, ...rest] = path.split(".");
  const list = first.endsWith("[]");
  const inner = isRecord(value) ? value[list ? first.slice(0, -2) : first] : undefined;
  if (rest.length === 0) return inner;
  return list && Array.isArray(inner)
    ? inner.map((item) => valueAt(item, rest.join(".")))
    : valueAt(inner, rest.join("."));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

/** Markdown's marks taken out. */
function plain(text: string): string {
  return text
    .replace(/\[([^\]]*)\]\([^)]*\)/g, "$1")
    .replace(/[`*]/g, "")
    .replace(/: see below$/, "");
}
