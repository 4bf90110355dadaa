// The step graph of a shipped bundle's weights, in either precision.
import { loadBundle } from "../../models/bundle.ts";
import { BundleError } from "../../models/bundle-error.ts";
import { bundledStudent } from "../networks/bundled-student.ts";
import { readSafetensors } from "../training/safetensors.ts";
import { type Precision, stepModel } from "./step-graph.ts";

/** @throws BundleError for a teacher's bundle, or one without weights. */
export async function exportBundleStep(dir: string, precision: Precision): Promise<Uint8Array> {
  const { manifest, weightsPath } = await loadBundle(dir);
  if (!weightsPath)
    throw new BundleError("missing", `${dir} holds no weights.safetensors: its step graph cannot be made again`);
  const { tensors } = readSafetensors(weightsPath);
  return stepModel(bundledStudent(manifest, dir), tensors, { precision, blankBias: manifest.blankBias ?? 0 });
}
