// What a visitor's device gets to translate by itself: the worker, onnxruntime's WebAssembly, the bundles that are served.
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Bundle } from "../../models/bundle.ts";
import { checkHash } from "../../models/bundle-content.ts";
import type { BundleFile, BundleManifest } from "../../models/manifest.ts";
import { neededFiles } from "../device/device-model.ts";
import { DEVICE_PATH, type DeviceFile, type DeviceIndex } from "../protocol/device-index.ts";
import type { Page } from "./page.ts";
import type { HttpRequest } from "./request.ts";
import { type HttpResponse, respondJson, respondProblem } from "./response.ts";
import { StoredFile } from "./stored-file.ts";

/** The path names the content's hash: what it leads to never changes. */
const FOREVER = { "cache-control": "public, max-age=31536000, immutable" };

/** The worker compiles WebAssembly, which the page itself may not, and opens no stream. */
const WORKER_POLICY = {
  "cache-control": "no-cache",
  "content-security-policy": "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'",
};

export interface DeviceFilesOptions {
  /** Where the build puts `worker.js` and `ort.wasm`. */
  directory: string;
  /** False: nothing is handed out. */
  enabled: boolean;
  page: Page;
  bundles(): readonly Bundle[];
}

/** A bundle as it is handed out: its files by their paths below `/device/`. */
interface HandedOut {
  entry: DeviceIndex["models"][number];
  files: ReadonlyMap<string, StoredFile>;
}

export class DeviceFiles {
  readonly #options: DeviceFilesOptions;
  readonly #worker: StoredFile;
  readonly #runtime: DeviceFile;
  readonly #revision: string;
  readonly #fixed: ReadonlyMap<string, StoredFile>;
  /** Forgotten with the bundle, when another takes its place. */
  readonly #handedOut = new WeakMap<Bundle, HandedOut>();

  private constructor(options: DeviceFilesOptions, worker: Uint8Array, wasm: { bytes: number; sha256: string }) {
    this.#options = options;
    this.#worker = new StoredFile({
      contentType: "text/javascript; charset=utf-8",
      read: async () => worker,
      headers: { ...WORKER_POLICY, etag: `"${sha256Of(worker).slice(0, 22)}"` },
    });
    const path = `runtime/${wasm.sha256}/ort.wasm`;
    this.#runtime = { path: `device/${path}`, ...wasm };
    this.#fixed = new Map([
      ["worker.js", this.#worker],
      [path, storedFile("application/wasm", () => readFile(join(options.directory, "ort.wasm")))],
    ]);
    this.#revision = sha256Of(new TextEncoder().encode(options.page.revision + sha256Of(worker))).slice(0, 16);
  }

  /** Undefined where nothing is handed out, or the package was not built. */
  static async open(options: DeviceFilesOptions): Promise<DeviceFiles | undefined> {
    const paths = ["worker.js", "ort.wasm"].map((name) => join(options.directory, name));
    if (!options.enabled || !paths.every((path) => existsSync(path))) return undefined;
    const [worker, wasm] = await Promise.all(paths.map((path) => readFile(path)));
    return new DeviceFiles(options, worker, { bytes: wasm.byteLength, sha256: sha256Of(wasm) });
  }

  /** Answers a request below `/device/`. */
  respond(request: HttpRequest): HttpResponse | Promise<HttpResponse> {
    const path = request.path.slice(DEVICE_PATH.length);
    if (path === "index.json") return respondJson(200, this.#index(), { "cache-control": "no-cache" });
    const files = [this.#fixed, ...this.#options.bundles().map((bundle) => this.#handOut(bundle).files)];
    const file = files.find((some) => some.has(path))?.get(path);
    return (
      file?.respond(request) ?? respondProblem(404, "there is no such file; /device/index.json lists those there are")
    );
  }

  #index(): DeviceIndex {
    const models = this.#options.bundles().map((bundle) => this.#handOut(bundle).entry);
    const page = ["", ...this.#options.page.assets, "v1/models", "device/index.json", "device/worker.js"];
    return { revision: this.#revision, page, runtime: this.#runtime, models };
  }

  #handOut(bundle: Bundle): HandedOut {
    const known = this.#handedOut.get(bundle);
    if (known !== undefined) return known;
    const { manifest, dir } = bundle;
    const text = new TextEncoder().encode(JSON.stringify(manifest));
    const sha256 = sha256Of(text);
    const folder = `models/${manifest.name}/${sha256}`;
    const needed = neededFiles(manifest);
    const files = new Map([[`${folder}/bundle.json`, storedFile("application/json", async () => text)]]);
    for (const file of needed)
      files.set(
        `${folder}/${file.path}`,
        storedFile(typeOf(file), () => readChecked(dir, file)),
      );
    const listed = { path: `device/${folder}/bundle.json`, bytes: text.byteLength, sha256 };
    const bytes = needed.reduce((sum, file) => sum + file.bytes, 0);
    const handedOut = { entry: { name: manifest.name, manifest: listed, bytes }, files };
    this.#handedOut.set(bundle, handedOut);
    return handedOut;
  }
}

const storedFile = (contentType: string, read: () => Promise<Uint8Array>) =>
  new StoredFile({ contentType, read, headers: FOREVER });

const typeOf = ({ path }: BundleManifest["files"][number]) =>
  path.endsWith(".json") ? "application/json" : "application/octet-stream";

/** @throws BundleError `hash` where the folder no longer holds what the bundle was loaded with */
async function readChecked(dir: string, file: BundleFile): Promise<Uint8Array> {
  const path = join(dir, file.path);
  const content = await readFile(path);
  checkHash(path, file, sha256Of(content));
  return content;
}

function sha256Of(content: Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}
