// `souffleur recipe`: what a recipe's fields mean and say, and whether it fits.
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { loadRecipe, parseRecipe, type Recipe } from "./recipe.ts";
import { type ExplainedField, explainRecipe } from "./recipe-page.ts";

/** The least that a recipe must say: all else has its default. */
export const BARE_RECIPE = "name: my-pair\ncorpus: { source: en, target: de, train: [{ path: train.tsv }] }\n";

/** The file that a command's argument names: a recipe of the package by its name, else a path. */
export function recipeFile(root: string, name: string): string {
  const own = join(root, "trainer", "recipes", `${name}.yaml`);
  return existsSync(own) && !existsSync(name) ? own : name;
}

interface ExplainFlags {
  set?: boolean;
  json?: boolean;
}

export function registerRecipeCommand(program: Command, { root }: { readonly root: string }): void {
  const command = program.command("recipe").description("what a recipe's fields mean, and whether a recipe fits");
  command
    .command("explain")
    .description("every field with its meaning, its default and the recipe's value")
    .argument(
      "[recipe]",
      "a recipe file, or the name of one that the package holds; without it only the defaults are shown",
    )
    .option("--set", "only the fields that the recipe sets")
    .option("--json", "the fields as JSON")
    .addHelpText("after", "\nExamples:\n  souffleur recipe explain\n  souffleur recipe explain en-de --set")
    .action((name: string | undefined, flags: ExplainFlags) => {
      const bare = parseRecipe(BARE_RECIPE, "defaults");
      const recipe = name === undefined ? bare : loadRecipe(recipeFile(root, name));
      const all = explainRecipe(recipe, bare);
      const shown = flags.set ? all.filter(({ set }) => set) : all;
      process.stdout.write(
        flags.json ? `${JSON.stringify(shown, null, 2)}\n` : formatFields(shown, name !== undefined),
      );
    });
  command
    .command("check")
    .description("check every field of recipes; what does not fit is named with file, line and field")
    .argument("<recipe...>", "recipe files, or names of ones that the package holds")
    .action((names: string[]) => {
      for (const name of names) process.stdout.write(`${checked(loadRecipe(recipeFile(root, name)))}\n`);
    });
}

function checked({ name, corpus, teacher, student }: Recipe): string {
  const corpora = `${corpus.train.length} ${corpus.train.length === 1 ? "corpus" : "corpora"}`;
  const bundles = typeof teacher.bundle === "object" ? Object.values(teacher.bundle).join(" and ") : teacher.bundle;
  const from = bundles ?? teacher.huggingFace?.folder ?? `${teacher.training.steps} steps`;
  return `${name}: fits (${corpus.source} to ${[corpus.target].flat().join(" and ")}, ${corpora}, teacher ${from}, student ${student.training.steps} steps)`;
}

const LINE = 100;
const INDENT = "    ";

/** One paragraph a field: `field = value (default)`, then what it means. */
export function formatFields(fields: readonly ExplainedField[], ofRecipe: boolean): string {
  return fields
    .map(({ field, value, default: fallback, meaning, set }) => {
      const shown = ofRecipe || set ? asText(value) : fallback || asText(undefined);
      const was = ofRecipe && set && fallback !== "" ? ` (default ${fallback})` : "";
      return `${field} = ${shown}${was}\n${wrapped(meaning)}\n`;
    })
    .join("\n");
}

function asText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(asText).join(", ")}]`;
  if (value === undefined) return "(left out)";
  return typeof value === "string" && value !== "" ? value : JSON.stringify(value);
}

function wrapped(text: string): string {
  const lines = [INDENT];
  for (const word of text.split(" ")) {
    if (lines.at(-1)!.length + word.length > LINE) lines.push(INDENT);
    lines[lines.length - 1] += lines.at(-1) === INDENT ? word : ` ${word}`;
  }
  return lines.join("\n");
}
