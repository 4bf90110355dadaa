// The step graph of a shipped bundle's weights, in either precision.
import { loadBundle } from "../../models/bundle.ts";
import { BundleError } from "../../models/bundle-error.ts";
import type { BundleManifest } from "../../models/manifest.ts";
import type { StudentArchitecture } from "../networks/student.ts";
import { readSafetensors } from "../training/safetensors.ts";
import { type Precision, stepModel } from "./step-graph.ts";

/** @throws BundleError for a teacher's bundle, or one without weights. */
export async function exportBundleStep(dir: string, precision: Precision): Promise<Uint8Array> {
  const { manifest, weightsPath } = await loadBundle(dir);
  if (!weightsPath)
    throw new BundleError("missing", `${dir} holds no weights.safetensors: its step graph cannot be made again`);
  const { tensors } = readSafetensors(weightsPath);
  return stepModel(studentArchitecture(manifest, dir), tensors, { precision, blankBias: manifest.blankBias ?? 0 });
}

function studentArchitecture({ architecture, kind, limits }: BundleManifest, dir: string): StudentArchitecture {
  const { slotsPerToken } = architecture;
  if (kind !== "student" || slotsPerToken === undefined) {
    throw new BundleError("kind", `${dir} is a ${kind}'s bundle: only a student has a step graph`);
  }
  const { width, heads, feedForward, encoderLayers, decoderLayers, vocabulary } = architecture;
  const maxPositions = limits.maxSourceTokens; // positions are a formula: a shorter table changes none of them
  return { width, heads, feedForward, encoderLayers, decoderLayers, vocabulary, slotsPerToken, maxPositions };
}
