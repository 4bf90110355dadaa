// The worker's side of the page: opens a model when it is first asked for, and streams on it one after the other.
import { BundleError } from "../../models/bundle-error.ts";
import type { DeviceIndex } from "../protocol/device-index.ts";
import type { DeviceFailure, DeviceReply, DeviceRequest } from "./device-messages.ts";
import { bytesOf, type DeviceRuntime, type OpenedModel, openDeviceModel } from "./device-model.ts";
import { DeviceFetchError, DeviceStore, type DeviceStoreOptions } from "./device-store.ts";
import { DeviceStream } from "./device-stream.ts";

export interface DeviceServiceOptions {
  /** Undefined where the browser keeps nothing for this page. */
  openCache(): Promise<DeviceStoreOptions["cache"]>;
  fetch(url: string): Promise<Response>;
  runtime: DeviceRuntime;
  /** Whether WebAssembly here has what the runtime is built with. */
  hasSimd(): boolean;
  reply(message: DeviceReply): void;
}

/** So many bytes between two reports: a page need not draw every packet. */
const PROGRESS_BYTES = 200_000;

export class DeviceService {
  readonly #options: DeviceServiceOptions;
  /** The model that is open, by the hash of its manifest. */
  #opened: { sha256: string; model: OpenedModel } | undefined;
  #stream: DeviceStream | undefined;
  /** Frames that came while the model was being opened. */
  #early: string[] | undefined;
  #turn = 0;
  #last: Promise<void> = Promise.resolve();

  constructor(options: DeviceServiceOptions) {
    this.#options = options;
  }

  /** Takes a request; resolves when what it asked for has been done or has failed. Never rejects. */
  take(request: DeviceRequest): Promise<void> {
    if (request.type === "frame") {
      if (this.#early !== undefined) this.#early.push(request.frame);
      else this.#stream?.frame(request.frame);
      return Promise.resolve();
    }
    this.#stream?.drop();
    this.#stream = undefined;
    this.#early = request.type === "open" ? [] : undefined;
    const turn = ++this.#turn;
    // One after the other: two downloads of one model at once would help nobody.
    if (request.type === "open") this.#last = this.#last.then(() => this.#open(request, turn));
    return this.#last;
  }

  async #open(request: Extract<DeviceRequest, { type: "open" }>, turn: number): Promise<void> {
    if (turn !== this.#turn) return;
    const { reply } = this.#options;
    try {
      const model = await this.#modelOf(request);
      if (turn !== this.#turn) return;
      const frames = this.#early ?? [];
      this.#early = undefined;
      const stream = new DeviceStream(model, {
        message: (message) => reply({ type: "message", message }),
        closed: (code) => reply({ type: "closed", code }),
      });
      this.#stream = stream;
      for (const frame of [request.start, ...frames]) stream.frame(frame);
    } catch (error) {
      if (turn !== this.#turn) return;
      this.#early = undefined;
      const reason = error instanceof Error ? error.message : String(error);
      reply({ type: "failed", failure: this.#failureOf(error), reason });
    }
  }

  async #modelOf({ base, index, model: name }: Extract<DeviceRequest, { type: "open" }>): Promise<OpenedModel> {
    const sha256 = index.models.find((listed) => listed.name === name)?.manifest.sha256;
    if (this.#opened !== undefined && this.#opened.sha256 === sha256) return this.#opened.model;
    if (!this.#options.hasSimd()) throw new Error("this browser's WebAssembly has no SIMD");
    const { runtime } = this.#options;
    const store = await this.#storeFor(base, index, name);
    const model = await openDeviceModel(index, name, store, runtime);
    await store.forgetOthers(folderOf(index.runtime.path));
    await store.forgetOthers(folderOf(index.models.find((listed) => listed.name === name)!.manifest.path));
    await this.#opened?.model.engine.close();
    this.#opened = { sha256: sha256!, model };
    const { loadMs, openMs } = model;
    this.#options.reply({ type: "opened", loadMs, openMs, provider: runtime.provider });
    return model;
  }

  async #storeFor(base: string, index: DeviceIndex, name: string): Promise<DeviceStore> {
    const { openCache, fetch, reply } = this.#options;
    const total = bytesOf(index, name);
    let loaded = 0;
    let told = 0;
    let keeps = true;
    return new DeviceStore({
      base,
      cache: await openCache(),
      fetch,
      received: (bytes) => {
        loaded += bytes;
        if (loaded - told < PROGRESS_BYTES && loaded < total) return;
        told = loaded;
        reply({ type: "progress", loaded: Math.min(loaded, total), total });
      },
      notKept: (error) => {
        if (keeps) reply({ type: "not-kept", reason: error instanceof Error ? error.message : String(error) });
        keeps = false;
      },
    });
  }

  #failureOf(error: unknown): DeviceFailure {
    if (!this.#options.hasSimd()) return "no-simd";
    if (error instanceof BundleError) return error.code === "hash" || error.code === "size" ? "damaged" : "unusable";
    return error instanceof DeviceFetchError ? "unreachable" : "unusable";
  }
}

/** The folder above the one that is named by a version: `device/runtime/` of `device/runtime/1a2b/ort.wasm`. */
function folderOf(path: string): string {
  return path.split("/").slice(0, -2).concat("").join("/");
}
