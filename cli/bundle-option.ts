// Bundles named on the command line: loaded, or a message that says what to do.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { type Bundle, loadBundle } from "../models/bundle.ts";
import { UsageError } from "./exit.ts";

/** Throws UsageError where the folder holds no bundle. */
export function checkBundleFolder(dir: string): void {
  if (existsSync(join(dir, "bundle.json"))) return;
  throw new UsageError(`there is no bundle in ${dir} (no bundle.json): name its folder with --bundle`);
}

/** A student's bundle, checked whole. */
export async function loadStudent(dir: string): Promise<Bundle> {
  checkBundleFolder(dir);
  const bundle = await loadBundle(dir);
  if (bundle.manifest.kind !== "student")
    throw new UsageError(`${dir} holds a teacher: only students translate streams`);
  return bundle;
}

/** The package's bundle for a target language; the first one where none is asked for or none writes it. */
export async function shippedBundle(target?: string): Promise<string> {
  const { DEFAULT_BUNDLE, SHIPPED_BUNDLES } = await import("../server/settings.ts");
  return SHIPPED_BUNDLES.find((dir) => target !== undefined && dir.endsWith(`-${target}`)) ?? DEFAULT_BUNDLE;
}
