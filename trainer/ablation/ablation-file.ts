// An ablation: one recipe, and variants of it that each change a few fields; checked field by field before any is run.
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { isMap, parseDocument } from "yaml";
import { z } from "zod";
import { parseRecipe, type Recipe, RecipeError } from "../recipe.ts";

/** One line of the table: what it is called, what it is about, and the recipe with its fields changed. */
export interface Variant {
  readonly name: string;
  readonly about: string;
  readonly recipe: Recipe;
}

export interface Ablation {
  readonly title: string;
  readonly variants: readonly Variant[];
}

const fields = z.strictObject({
  title: z.string().min(1),
  base: z.record(z.string(), z.unknown()),
  variants: z
    .array(
      z.strictObject({
        name: z.string().regex(/^[\w .+()=,/-]+$/, "letters, digits, spaces and . + ( ) = , / - only"),
        /** One line for the table: what the variant changes. */
        about: z.string().default(""),
        /** Fields of the recipe that take the place of the base's; objects are merged, lists and values replaced. */
        change: z.record(z.string(), z.unknown()).default({}),
      }),
    )
    .min(1),
});

/**
 * Reads an ablation's file.
 * @throws RecipeError naming the variant and the field that does not fit; every variant is checked.
 */
export function parseAblation(text: string, file: string): Ablation {
  const document = parseDocument(text, { merge: true }); // `<<` saves writing a kind of student out again
  const [broken] = document.errors;
  if (broken) throw new RecipeError(`${file}: ${broken.message}`);
  if (!isMap(document.contents)) throw new RecipeError(`${file}: expected title, base and variants`);
  const parsed = fields.safeParse(document.toJS());
  if (!parsed.success) throw new RecipeError(`${file}: ${z.prettifyError(parsed.error)}`);
  const { title, base, variants } = parsed.data;
  const problems: string[] = [];
  const complete: Variant[] = [];
  for (const [at, { name, about, change }] of variants.entries()) {
    if (variants.findIndex((other) => other.name === name) < at)
      problems.push(`${file}: two variants are named ${name}`);
    try {
      // As JSON, which is YAML: the recipe's own schema says what does not fit.
      complete.push({ name, about, recipe: parseRecipe(JSON.stringify(merge(base, change)), `${file}, ${name}`) });
    } catch (error) {
      if (!(error instanceof RecipeError)) throw error;
      problems.push(error.message.replaceAll(/^(.*):1: /gm, "$1: ")); // the line is the JSON's, not the file's
    }
  }
  if (problems.length > 0) throw new RecipeError(problems.join("\n"));
  return { title, variants: complete };
}

export function loadAblation(path: string): Ablation {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw new RecipeError(`${path}: cannot be read (${error instanceof Error ? error.message : String(error)})`);
  }
  return parseAblation(text, basename(path));
}

type Fields = Readonly<Record<string, unknown>>;

/** `change` over `base`: objects field by field, everything else whole; null takes a field out, so that its default holds. */
export function merge(base: Fields, change: Fields): Fields {
  const merged: Record<string, unknown> = { ...base };
  for (const [name, value] of Object.entries(change)) {
    const before = merged[name];
    if (value === null) delete merged[name];
    else merged[name] = isFields(before) && isFields(value) ? merge(before, value) : value;
  }
  return merged;
}

const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);
