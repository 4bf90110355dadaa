// `souffleur models`: the bundles that are here, with their figures.
import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Command } from "commander";
import { type Bundle, loadBundle } from "../models/bundle.ts";
import { targetsOf } from "../models/tags.ts";
import { describeModel } from "../server/http/routes.ts";
import { PACKAGE_ROOT } from "../server/settings.ts";
import { EXIT_CODES, UsageError } from "./exit.ts";

type Listed = { dir: string; bundle: Bundle } | { dir: string; problem: string };

export function registerModels(program: Command): void {
  program
    .command("models")
    .description("list bundles with their figures, each checked whole")
    .argument("[dir...]", "bundles, or folders of bundles (default: the package's models/)")
    .option("--json", "for scripts")
    .addHelpText("after", "\nExamples:\n  $ souffleur models\n  $ souffleur models runs/ --json")
    .action(async (dirs: string[], options: { json?: boolean }) => {
      const listed = await listBundles(dirs.length === 0 ? [join(PACKAGE_ROOT, "models")] : dirs);
      process.stdout.write(
        options.json ? `${JSON.stringify(listed.map(describe), null, 2)}\n` : listed.map(format).join("\n"),
      );
      if (listed.some((one) => "problem" in one)) process.exitCode = EXIT_CODES.failed;
    });
}

async function listBundles(dirs: readonly string[]): Promise<Listed[]> {
  const listed: Listed[] = [];
  for (const dir of dirs) {
    const bundles = await bundleFolders(dir);
    if (bundles.length === 0) throw new UsageError(`there is no bundle in ${dir}`);
    for (const path of bundles) {
      try {
        listed.push({ dir: path, bundle: await loadBundle(path) });
      } catch (error) {
        listed.push({ dir: path, problem: error instanceof Error ? error.message : String(error) });
      }
    }
  }
  return listed;
}

/** The folder itself, or those in it. */
async function bundleFolders(dir: string): Promise<string[]> {
  const holdsBundle = (path: string) => existsSync(join(path, "bundle.json"));
  if (holdsBundle(dir)) return [dir];
  const entries = await readdir(dir, { withFileTypes: true }).catch(() => []);
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  return names
    .sort()
    .map((name) => join(dir, name))
    .filter(holdsBundle);
}

function bytesOf(bundle: Bundle): number {
  return bundle.manifest.files.reduce((sum, { bytes }) => sum + bytes, 0);
}

function describe(one: Listed) {
  if ("problem" in one) return one;
  const { manifest } = one.bundle;
  return { dir: one.dir, kind: manifest.kind, bytes: bytesOf(one.bundle), ...describeModel(manifest) };
}

function format(one: Listed): string {
  if ("problem" in one) return `${one.dir}\n  cannot be used: ${one.problem}\n`;
  const { manifest } = one.bundle;
  const { name, kind, source, precision, architecture, lags, quality, licence } = manifest;
  const size = `${(bytesOf(one.bundle) / 1e6).toFixed(1)} MB`;
  const parameters = `${(architecture.parameters / 1e6).toFixed(1)} M parameters`;
  const wait = lags === undefined ? [] : [`  wait ${lags.default} (trained: ${lags.trained.join(", ")})`];
  const rows = quality.map((row) => {
    const lagging = row.averageLagging === null ? "" : `, average lagging ${row.averageLagging.toFixed(2)}`;
    const at = row.wait === null ? "" : ` at wait ${row.wait}`;
    const to = row.target === undefined ? "" : ` to ${row.target}`;
    return `  ${row.test}${to}${at}: BLEU ${row.bleu.toFixed(1)}, chrF ${row.chrf.toFixed(1)}${lagging}`;
  });
  const title = `${name} (${kind}, ${source} to ${targetsOf(manifest).join(", ")})`;
  return [title, `  ${one.dir}`, `  ${precision}, ${parameters}, ${size}, ${licence}`, ...wait, ...rows, ""].join("\n");
}
