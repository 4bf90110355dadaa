// A bundle opened on the device: the files checked, the graphs in a runtime session, an engine in this thread.
import type { InferenceSession } from "onnxruntime-common";
import { type BundleText, checkVocabulary, tokenizerOf } from "../../models/bundle-content.ts";
import { BundleError } from "../../models/bundle-error.ts";
import type { OnnxRuntime } from "../../models/graph-session.ts";
import { type BundleFile, type BundleManifest, parseManifest } from "../../models/manifest.ts";
import { openGraphs } from "../../models/student-model.ts";
import type { Engine } from "../engine/engine.ts";
import { InProcessEngine } from "../engine/in-process-engine.ts";
import type { DeviceFile, DeviceIndex } from "../protocol/device-index.ts";
import type { DeviceStore } from "./device-store.ts";

/** A model that is ready. */
export interface DeviceModel extends BundleText {
  readonly engine: Engine;
}

/** The same with how it came. */
export interface OpenedModel extends DeviceModel {
  /** Milliseconds until all files were here, and until the graphs were open after that. */
  readonly loadMs: number;
  readonly openMs: number;
}

export interface DeviceRuntime {
  /** Takes the runtime's WebAssembly, once, before a session is made. */
  start(wasm: Uint8Array<ArrayBuffer>): OnnxRuntime;
  readonly options: InferenceSession.SessionOptions;
  /** What it computes on: "wasm", "webgpu". */
  readonly provider: string;
}

/** What runs and reads a bundle; the rest of it is of no use here. */
const NEEDED = ["tokenizer.json", "step.onnx", "read.onnx", "write.onnx"] as const;

/** Bytes that `openDeviceModel` loads, all files together. @throws RangeError for a model that is not listed */
export function bytesOf({ runtime, models }: DeviceIndex, name: string): number {
  const { manifest, bytes } = entryOf(models, name);
  return runtime.bytes + manifest.bytes + bytes;
}

/**
 * @throws BundleError where a file is not what it should be, DeviceFetchError where one cannot be had, RangeError for a
 * model that is not listed
 */
export async function openDeviceModel(
  index: DeviceIndex,
  name: string,
  store: DeviceStore,
  runtime: DeviceRuntime,
): Promise<OpenedModel> {
  const began = performance.now();
  const { manifest: listed } = entryOf(index.models, name);
  const folder = listed.path.slice(0, listed.path.lastIndexOf("/") + 1);
  const [wasm, manifest] = await Promise.all([store.load(index.runtime), store.load(listed).then(readManifest)]);
  const contents = new Map<BundleFile["path"], Uint8Array>();
  for (const file of neededFiles(manifest)) contents.set(file.path, await store.load(inFolder(folder, file)));
  const tokenizer = tokenizerOf("tokenizer.json", parseJson("tokenizer.json", contents.get("tokenizer.json")));
  checkVocabulary("tokenizer.json", { manifest, tokenizer });
  const loaded = performance.now();
  const [step, read, write] = NEEDED.slice(1).map((path) => contents.get(path));
  const runner = await openGraphs(runtime.start(wasm), { manifest, step, read, write }, runtime.options);
  const { precision } = manifest;
  const engine = new InProcessEngine({
    models: [{ name: manifest.name, runner, provider: runtime.provider, precision }],
  });
  return { manifest, tokenizer, engine, loadMs: loaded - began, openMs: performance.now() - loaded };
}

/** The files of a bundle that a device needs. */
export function neededFiles({ files }: Pick<BundleManifest, "files">): BundleFile[] {
  return files.filter(({ path }) => NEEDED.some((needed) => needed === path));
}

function entryOf(models: DeviceIndex["models"], name: string): DeviceIndex["models"][number] {
  const entry = models.find((model) => model.name === name);
  if (entry === undefined) throw new RangeError(`the server hands out no model ${name}`);
  return entry;
}

const inFolder = (folder: string, file: BundleFile): DeviceFile => ({ ...file, path: `${folder}${file.path}` });

function readManifest(content: Uint8Array): BundleManifest {
  return parseManifest(parseJson("bundle.json", content));
}

function parseJson(name: string, content: Uint8Array | undefined): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(content));
  } catch (error) {
    throw new BundleError("json", `${name} is not JSON: ${error instanceof Error ? error.message : error}`);
  }
}
