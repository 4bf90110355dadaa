// `souffleur ablate`: a recipe and its variants, trained and evaluated one after another, in one table.
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { type Environment, type PlaceFlags, withContext, workFolder } from "../run-context.ts";
import { runStages } from "../stages.ts";
import { ablationMarkdown, formatAblation, runAblation, saveAblation } from "./ablation.ts";
import { loadAblation } from "./ablation-file.ts";

interface AblateFlags extends PlaceFlags {
  only?: string[];
  markdown?: boolean;
  json?: boolean;
}

const HELP = `
The file has a title, a base recipe and variants, each a name and the fields that it changes:

  title: Glancing
  base: { name: glancing, corpus: {…}, teacher: { bundle: … }, student: {…} }
  variants:
    - { name: none }
    - { name: half, about: ratio 0.5, change: { student: { glancing: { start: 0.5, end: 0.3 } } } }

Stages that variants share (the corpus, the teacher, a distillation) are run once. What is done is not done again, and
Ctrl-C saves the state, as with \`train\`.`;

export function registerAblate(
  program: Command,
  { root, version, env }: { root: string; version: string; env: Environment },
): void {
  program
    .command("ablate")
    .description("train and evaluate variants of a recipe, and compare them in one table")
    .argument("<file>", "an ablation's file, or the name of one that the package holds")
    .option("--data <dir>", "folder that corpus paths are relative to (SOUFFLEUR_DATA)")
    .option("--work <dir>", "folder for shards, checkpoints and results (SOUFFLEUR_WORK, ~/.cache/souffleur)")
    .option("--only <name...>", "only these variants")
    .option("--markdown", "the table as Markdown")
    .option("--json", "the rows as JSON")
    .option("--quiet", "no progress")
    .addHelpText("after", HELP)
    .action(async (name: string, flags: AblateFlags) => {
      const own = join(root, "trainer", "recipes", "ablations", `${name}.yaml`);
      const path = existsSync(own) && !existsSync(name) ? own : name;
      const all = loadAblation(path);
      const ablation = { ...all, variants: chosenVariants(all.variants, flags.only) };
      await withContext(path, flags, { root, env }, async (contextOf) => {
        const rows = await runAblation(ablation, {
          run: (recipe) => runStages(contextOf(recipe), { until: "evaluate", version }),
          say: (text) => void process.stderr.write(`${text}\n`),
        });
        saveAblation(workFolder(flags, env), ablation, rows);
        const { title } = ablation;
        if (flags.json) process.stdout.write(`${JSON.stringify({ title, rows }, null, 2)}\n`);
        else process.stdout.write(`${flags.markdown ? ablationMarkdown(rows) : formatAblation(title, rows)}\n`);
      });
    });
}

/** @throws RecipeError-like wrong use where a name is no variant's. */
function chosenVariants<T extends { readonly name: string }>(variants: readonly T[], only?: readonly string[]): T[] {
  const unknown = only?.find((name) => !variants.some((variant) => variant.name === name));
  if (unknown === undefined) return variants.filter(({ name }) => only === undefined || only.includes(name));
  const known = variants.map(({ name }) => name).join(", ");
  throw Object.assign(new Error(`--only ${unknown}: the variants are ${known}`), { exitCode: 2 });
}
