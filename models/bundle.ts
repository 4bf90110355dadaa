// A bundle's folder: reading it with every check, and writing its bundle.json. The only file here that touches files.
import { createHash } from "node:crypto";
import { createReadStream, readFileSync } from "node:fs";
import { rename, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type BundleText, checkHash, checkSize, checkVocabulary, tokenizerOf } from "./bundle-content.ts";
import { BundleError } from "./bundle-error.ts";
import { BUNDLE_FILES, type BundleFile, type BundleManifest, parseManifest } from "./manifest.ts";
import type { Tokenizer } from "./tokenizer.ts";

const MANIFEST = "bundle.json";

/** A bundle that has passed every check but its graph's own signature, which the step model checks when it loads. */
export interface Bundle extends BundleText {
  dir: string;
  /** Path of step.onnx; CTC students only. */
  stepPath?: string;
  /** Paths of read.onnx and write.onnx; autoregressive students only. */
  readPath?: string;
  writePath?: string;
  /** Path of weights.safetensors, where it is part of the bundle. */
  weightsPath?: string;
}

/**
 * Reads and checks a bundle: schema, format version, step signature, bytes and sha256 of each file, vocabulary.
 * @throws BundleError with the file, what was expected and what was found.
 */
export async function loadBundle(dir: string): Promise<Bundle> {
  const manifest = parseManifest(readJson(join(dir, MANIFEST)), join(dir, MANIFEST));
  for (const file of manifest.files) await checkFile(dir, file);
  const tokenizerPath = join(dir, "tokenizer.json");
  const tokenizer = readTokenizer(tokenizerPath);
  checkVocabulary(tokenizerPath, { manifest, tokenizer });
  const pathOf = (name: BundleFile["path"]) =>
    manifest.files.some(({ path }) => path === name) ? join(dir, name) : undefined;
  return {
    ...{ dir, manifest, tokenizer, stepPath: pathOf("step.onnx") },
    ...{ readPath: pathOf("read.onnx"), writePath: pathOf("write.onnx"), weightsPath: pathOf("weights.safetensors") },
  };
}

/**
 * Lists and hashes the bundle's files that are in the folder, checks the whole, and writes bundle.json at once.
 * @throws BundleError when the manifest would not load again.
 */
export async function writeManifest(dir: string, manifest: Omit<BundleManifest, "files">): Promise<BundleManifest> {
  const files: BundleFile[] = [];
  for (const path of BUNDLE_FILES) {
    const bytes = await sizeOf(join(dir, path));
    if (bytes !== undefined) files.push({ path, bytes, sha256: await sha256Of(join(dir, path)) });
  }
  const path = join(dir, MANIFEST);
  const complete = parseManifest({ ...manifest, files }, path);
  await writeFile(`${path}.partial`, `${JSON.stringify(complete, null, 2)}\n`);
  await rename(`${path}.partial`, path);
  return complete;
}

/**
 * Reads a tokenizer.json.
 * @throws BundleError `missing`, `json` or `tokenizer`.
 */
export function readTokenizer(path: string): Tokenizer {
  return tokenizerOf(path, readJson(path));
}

function readJson(path: string): unknown {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw new BundleError("missing", `${path} cannot be read: ${error instanceof Error ? error.message : error}`);
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new BundleError("json", `${path} is not JSON: ${error instanceof Error ? error.message : error}`);
  }
}

/** Bytes of a file; undefined where there is none. */
async function sizeOf(path: string): Promise<number | undefined> {
  const entry = await stat(path).catch(() => undefined);
  return entry?.isFile() ? entry.size : undefined;
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const part of createReadStream(path)) hash.update(part);
  return hash.digest("hex");
}

async function checkFile(dir: string, expected: BundleFile): Promise<void> {
  const path = join(dir, expected.path);
  const bytes = await sizeOf(path);
  if (bytes === undefined) throw new BundleError("missing", `${path} is missing; ${MANIFEST} lists it`);
  checkSize(path, expected, bytes);
  checkHash(path, expected, await sha256Of(path));
}
