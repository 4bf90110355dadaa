// What made a model: the resolved recipe, the versions that ran it, and the hashes of its data, as one YAML file.
import { execFileSync } from "node:child_process";
import { existsSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import * as ort from "onnxruntime-node";
import { stringify } from "yaml";
import type { Recipe } from "../recipe.ts";
import { packagedFile } from "../training/python.ts";

/** In each stage's folder, and in a bundle. */
export const RECIPE_FILE = "recipe.yaml";

/** A file of the data folder. */
export interface DataFile {
  readonly file: string;
  readonly sha256: string;
}

/**
 * The recipe with its defaults, and `madeWith`, which a recipe may keep and nothing reads: so the file is a recipe that
 * makes the model again.
 * @param version the package's.
 * @param data left out as long as it is not known.
 */
export function provenance(recipe: Recipe, version: string, data?: readonly DataFile[]): string {
  const commit = packageCommit();
  const versions = { souffleur: version, ...(commit && { commit }), node: process.version, onnxruntime: onnxruntime() };
  return stringify({ ...recipe, madeWith: { ...versions, ...(data && { data }) } });
}

/** Writes it into the folder of a stage that was made by this run: one that was there keeps what made it. */
export function saveProvenance(folder: string, text: string, runStarted: number): void {
  const path = join(folder, RECIPE_FILE);
  const done = join(folder, "done.json");
  if (existsSync(path) || !existsSync(done) || statSync(done).mtimeMs < runStarted) return;
  writeFileSync(path, text);
}

const onnxruntime = (): string => ort.env.versions.node ?? ort.env.versions.common;

/** The commit of a checkout; undefined for an installed package. */
function packageCommit(): string | undefined {
  const root = dirname(packagedFile("package.json"));
  if (!existsSync(join(root, ".git"))) return undefined;
  try {
    return execFileSync("git", ["-C", root, "rev-parse", "HEAD"], { encoding: "utf8", stdio: "pipe" }).trim();
  } catch {
    return undefined; // no git on this machine
  }
}
