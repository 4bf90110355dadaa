// The sizes of a bundle's CTC student as its network takes them.
import { BundleError } from "../../models/bundle-error.ts";
import type { BundleManifest } from "../../models/manifest.ts";
import type { StudentArchitecture } from "./student.ts";

/** @throws BundleError for a bundle that holds no CTC student; `dir` is for the message. */
export function bundledStudent({ architecture, kind, limits }: BundleManifest, dir: string): StudentArchitecture {
  const { slotsPerToken } = architecture;
  if (kind !== "student" || slotsPerToken === undefined) {
    const what = kind === "student" ? "an autoregressive student's" : "a teacher's";
    throw new BundleError("kind", `${dir} is ${what} bundle: only a CTC student has a step graph`);
  }
  const { width, heads, feedForward, encoderLayers, decoderLayers, vocabulary } = architecture;
  const maxPositions = limits.maxSourceTokens; // positions are a formula: a shorter table changes none of them
  return { width, heads, feedForward, encoderLayers, decoderLayers, vocabulary, slotsPerToken, maxPositions };
}
