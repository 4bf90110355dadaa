// A student's bundle in a runtime session, whatever its kind.
import type { InferenceSession } from "onnxruntime-common";
import type { Bundle } from "./bundle.ts";
import { BundleError } from "./bundle-error.ts";
import type { OnnxRuntime } from "./graph-session.ts";
import { StepModel } from "./step-model.ts";
import type { StepRunner } from "./step-runner.ts";
import { WaitKModel } from "./wait-k-model.ts";

/** What of a bundle is needed to run it. */
export type StudentFiles = Pick<Bundle, "manifest" | "stepPath" | "readPath" | "writePath">;

/** The same as paths (Node) or contents: `step`, or `read` and `write`. */
export interface StudentGraphs extends Pick<Bundle, "manifest"> {
  step?: string | Uint8Array | undefined;
  read?: string | Uint8Array | undefined;
  write?: string | Uint8Array | undefined;
}

export interface StudentModel extends StepRunner {
  /** Frees the runtime's sessions, after the steps under way. */
  release(): Promise<void>;
}

/** Whether a bundle has what runs as a student; a teacher has not. */
export function isStudent({ stepPath, readPath, writePath }: Omit<StudentFiles, "manifest">): boolean {
  return stepPath !== undefined || (readPath !== undefined && writePath !== undefined);
}

/** @throws BundleError `kind` for a teacher, `signature` when a graph is not what the manifest says. */
export function openStudent(
  ort: OnnxRuntime,
  { manifest, stepPath, readPath, writePath }: StudentFiles,
  options?: InferenceSession.SessionOptions,
): Promise<StudentModel> {
  return openGraphs(ort, { manifest, step: stepPath, read: readPath, write: writePath }, options);
}

/** @throws BundleError as `openStudent` does */
export function openGraphs(
  ort: OnnxRuntime,
  { manifest, step, read, write }: StudentGraphs,
  options?: InferenceSession.SessionOptions,
): Promise<StudentModel> {
  if (read !== undefined && write !== undefined) return WaitKModel.create(ort, { read, write }, manifest, options);
  if (step !== undefined) return StepModel.create(ort, step, manifest, options);
  throw new BundleError("kind", `bundle "${manifest.name}" is a ${manifest.kind}: it has no graph to run`);
}
