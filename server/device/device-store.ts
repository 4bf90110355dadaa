// Files on the device: from what was kept, else from the server, and used only where their hashes fit.
import { checkHash, checkSize } from "../../models/bundle-content.ts";
import { BundleError } from "../../models/bundle-error.ts";
import type { DeviceFile } from "../protocol/device-index.ts";

/** What of the browser's Cache is used. */
export interface FileCache {
  match(url: string): Promise<Response | undefined>;
  put(url: string, response: Response): Promise<void>;
  delete(url: string): Promise<boolean>;
  keys(): Promise<readonly { readonly url: string }[]>;
}

export interface DeviceStoreOptions {
  /** The server's root, with its last slash. */
  base: string;
  /** Undefined where the browser keeps nothing for this page. */
  cache: FileCache | undefined;
  fetch(url: string): Promise<Response>;
  /** Told of bytes as they arrive: of this file, after being uncompressed. */
  received(bytes: number): void;
  /** A file could not be kept, mostly because there is no room: it will be fetched again next time. */
  notKept(error: unknown): void;
}

/** The server cannot be reached, or does not have the file. */
export class DeviceFetchError extends Error {
  override readonly name = "DeviceFetchError";
}

export class DeviceStore {
  readonly #options: DeviceStoreOptions;
  /** What was asked for: the rest of what is kept is of older versions. */
  readonly #wanted = new Set<string>();

  constructor(options: DeviceStoreOptions) {
    this.#options = options;
  }

  /**
   * The file's content. What was kept and has been damaged is fetched again.
   * @throws BundleError `size` or `hash` where what the server sends is not what it lists, DeviceFetchError
   */
  async load(file: DeviceFile): Promise<Uint8Array<ArrayBuffer>> {
    const { base, cache, notKept } = this.#options;
    const url = new URL(file.path, base).href;
    this.#wanted.add(url);
    const kept = await cache?.match(url);
    if (kept !== undefined) {
      const content = new Uint8Array(await kept.arrayBuffer());
      if (await fits(file, content)) {
        this.#options.received(content.byteLength);
        return content;
      }
      await cache?.delete(url);
    }
    const content = await this.#fetch(url, file);
    await check(file, content);
    await cache?.put(url, new Response(content)).catch(notKept);
    return content;
  }

  /** Forgets every file that was kept and not asked for since this store was made, below the folder. */
  async forgetOthers(folder: string): Promise<void> {
    const { base, cache } = this.#options;
    const start = new URL(folder, base).href;
    for (const { url } of (await cache?.keys()) ?? []) {
      if (url.startsWith(start) && !this.#wanted.has(url)) await cache?.delete(url);
    }
  }

  async #fetch(url: string, { path }: DeviceFile): Promise<Uint8Array<ArrayBuffer>> {
    const response = await this.#options.fetch(url).catch((error: unknown) => {
      throw new DeviceFetchError(`${path} cannot be fetched: ${error instanceof Error ? error.message : error}`);
    });
    if (!response.ok || response.body === null) {
      throw new DeviceFetchError(`${path} cannot be fetched: the server answers ${response.status}`);
    }
    const parts: Uint8Array<ArrayBuffer>[] = [];
    const reader = response.body.getReader();
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      parts.push(new Uint8Array(next.value));
      this.#options.received(next.value.byteLength);
    }
    return new Uint8Array(await new Blob(parts).arrayBuffer());
  }
}

async function check(file: DeviceFile, content: Uint8Array<ArrayBuffer>): Promise<void> {
  const name = file.path.split("/").at(-1) ?? file.path;
  checkSize(name, file, content.byteLength);
  checkHash(name, file, await sha256Of(content));
}

async function fits(file: DeviceFile, content: Uint8Array<ArrayBuffer>): Promise<boolean> {
  return check(file, content).then(
    () => true,
    (error: unknown) => {
      if (error instanceof BundleError) return false;
      throw error;
    },
  );
}

async function sha256Of(content: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", content));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
