// A student's bundle in a runtime session, whatever its kind.
import type { InferenceSession } from "onnxruntime-common";
import type { Bundle } from "./bundle.ts";
import { BundleError } from "./bundle-error.ts";
import type { OnnxRuntime } from "./graph-session.ts";
import { StepModel } from "./step-model.ts";
import type { StepRunner } from "./step-runner.ts";
import { WaitKModel } from "./wait-k-model.ts";

/** What of a bundle is needed to run it; it can be sent to a thread. */
export type StudentFiles = Pick<Bundle, "manifest" | "stepPath" | "readPath" | "writePath">;

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
  if (readPath !== undefined && writePath !== undefined) {
    return WaitKModel.create(ort, { read: readPath, write: writePath }, manifest, options);
  }
  if (stepPath !== undefined) return StepModel.create(ort, stepPath, manifest, options);
  throw new BundleError("kind", `bundle "${manifest.name}" is a ${manifest.kind}: it has no graph to run`);
}
