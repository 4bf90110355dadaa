// The step graph of a shipped bundle's weights, in either precision.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Bundle, loadBundle, writeManifest } from "../../models/bundle.ts";
import { BundleError } from "../../models/bundle-error.ts";
import type { BundleManifest } from "../../models/manifest.ts";
import { bundledStudent } from "../networks/bundled-student.ts";
import { readSafetensors } from "../training/safetensors.ts";
import { type Precision, stepDescription, stepModel } from "./step-graph.ts";

/** @throws BundleError for a teacher's bundle, or one without weights. */
export async function exportBundleStep(dir: string, precision: Precision): Promise<Uint8Array> {
  return stepOf(await loadBundle(dir), precision);
}

/**
 * Writes a bundle's step graph anew, with bundle.json: what makes a bundle of an earlier version one of this.
 * @param precision by default the one it has.
 * @throws BundleError for a teacher's bundle, or one without weights.
 */
export async function renewBundleStep(dir: string, precision?: Precision): Promise<BundleManifest> {
  const bundle = await loadBundle(dir);
  const { files: _, ...manifest } = bundle.manifest;
  const to = precision ?? manifest.precision;
  const step = stepDescription(bundledStudent(bundle.manifest, dir));
  writeFileSync(join(dir, "step.onnx"), stepOf(bundle, to));
  return writeManifest(dir, { ...manifest, step, precision: to });
}

function stepOf({ dir, manifest, weightsPath }: Bundle, precision: Precision): Uint8Array {
  if (!weightsPath)
    throw new BundleError("missing", `${dir} holds no weights.safetensors: its step graph cannot be made again`);
  const { tensors } = readSafetensors(weightsPath);
  return stepModel(bundledStudent(manifest, dir), tensors, { precision, blankBias: manifest.blankBias ?? 0 });
}
