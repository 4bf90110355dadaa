// A bundle's graphs in memory that threads share: what is on disk may change under a running server.

import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import type { Bundle } from "../../models/bundle.ts";
import { BundleError } from "../../models/bundle-error.ts";
import type { BundleManifest } from "../../models/manifest.ts";
import type { StudentGraphs } from "../../models/student-model.ts";

/** A student's graphs as they were when its bundle was loaded; sent to a thread without a copy. */
export interface GraphSnapshot {
  manifest: BundleManifest;
  step: SharedArrayBuffer | undefined;
  read: SharedArrayBuffer | undefined;
  write: SharedArrayBuffer | undefined;
}

/** @throws BundleError `hash` where a file is no longer the one that the manifest was loaded with */
export async function snapshotGraphs(bundle: Bundle): Promise<GraphSnapshot> {
  const { manifest, stepPath, readPath, writePath } = bundle;
  const [step, read, write] = await Promise.all([stepPath, readPath, writePath].map((path) => load(manifest, path)));
  return { manifest, step, read, write };
}

/** The same as a model is opened from it: copies, which the runtime needs only while it loads. */
export function copyGraphs({ manifest, step, read, write }: GraphSnapshot): StudentGraphs {
  return { manifest, step: copied(step), read: copied(read), write: copied(write) };
}

async function load(manifest: BundleManifest, path: string | undefined): Promise<SharedArrayBuffer | undefined> {
  if (path === undefined) return undefined;
  const content = await readFile(path);
  const sha256 = createHash("sha256").update(content).digest("hex");
  const wanted = manifest.files.find((file) => file.path === basename(path))?.sha256;
  if (sha256 !== wanted) {
    throw new BundleError("hash", `${path} has sha256 ${sha256}; bundle.json said ${wanted} a moment ago`);
  }
  const shared = new SharedArrayBuffer(content.byteLength);
  new Uint8Array(shared).set(content);
  return shared;
}

function copied(shared: SharedArrayBuffer | undefined): Uint8Array | undefined {
  return shared && new Uint8Array(shared).slice();
}
