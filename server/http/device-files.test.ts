import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Bundle } from "../../models/bundle.ts";
import { parseManifest } from "../../models/manifest.ts";
import { standInBundle } from "../../models/stand-in-bundle.ts";
import { deviceIndexSchema } from "../protocol/device-index.ts";
import { MemoryTransport } from "../transport/memory-transport.ts";
import { DEFAULT_TRANSPORT_SETTINGS } from "../transport/transport.ts";
import { DeviceFiles } from "./device-files.ts";
import { Page } from "./page.ts";
import { Router } from "./router.ts";

const sha256Of = (content: string | Uint8Array) => createHash("sha256").update(content).digest("hex");

describe("DeviceFiles", () => {
  let directory: string;
  let bundles: Bundle[];
  let faults: unknown[];
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "souffleur-device-"));
    for (const name of ["worker.js", "ort.wasm", "main.js", "index.html"]) await writeFile(join(directory, name), name);
    bundles = [await bundleOf("a graph")];
    faults = [];
  });
  afterEach(() => rm(directory, { recursive: true }));

  async function bundleOf(graph: string): Promise<Bundle> {
    const bundle = standInBundle();
    const contents = { "tokenizer.json": "{}", "step.onnx": graph, "weights.safetensors": "weights" } as const;
    const files = Object.entries(contents).map(([path, content]) => ({
      path: path as keyof typeof contents,
      bytes: content.length,
      sha256: sha256Of(content),
    }));
    for (const [path, content] of Object.entries(contents)) await writeFile(join(directory, path), content);
    return { ...bundle, dir: directory, manifest: { ...bundle.manifest, files } };
  }

  async function setUp(enabled = true) {
    const page = await Page.read(directory);
    const files = await DeviceFiles.open({ directory, enabled, page, bundles: () => bundles });
    if (files === undefined) return undefined;
    const router = new Router((error) => faults.push(error)).add("GET", "/device/*", (request) =>
      files.respond(request),
    );
    const application = {
      connect: () => {
        throw new Error("not part of this test");
      },
      respond: (request: Parameters<Router["respond"]>[0]) => router.respond(request),
    };
    const client = new MemoryTransport(application, { ...DEFAULT_TRANSPORT_SETTINGS, bodyMaxBytes: 1000 });
    const index = async () => {
      const { body, headers } = await client.request("GET", "/device/index.json");
      expect(headers["cache-control"]).toBe("no-cache");
      return deviceIndexSchema.parse(JSON.parse(String(body)));
    };
    const get = (path: string, headers: Record<string, string> = {}) => client.request("GET", `/${path}`, { headers });
    return { index, get };
  }

  it("lists what it hands out, with what must arrive, and the page's own files", async () => {
    const { index, get } = (await setUp())!;
    const { runtime, models, page } = await index();
    expect(page).toEqual(expect.arrayContaining(["", "assets/main.js", "v1/models", "device/worker.js"]));
    expect(page).not.toContain("assets/index.html");
    const listed = [runtime, models[0].manifest];
    for (const { path, bytes, sha256 } of listed) {
      const { status, body, headers } = await get(path);
      expect([status, body.length, sha256Of(body)]).toEqual([200, bytes, sha256]);
      expect(headers["cache-control"]).toBe("public, max-age=31536000, immutable");
    }
    const manifest = parseManifest(
      JSON.parse(new TextDecoder().decode((await get(models[0].manifest.path)).body as Uint8Array)),
    );
    const folder = models[0].manifest.path.replace("bundle.json", "");
    for (const { path, sha256 } of manifest.files.filter((file) => file.path !== "weights.safetensors")) {
      expect(sha256Of((await get(`${folder}${path}`)).body)).toBe(sha256);
    }
    expect(models[0].bytes).toBe("{}".length + "a graph".length);
    // Neither the weights, of which a device has no use, nor anything that is not listed.
    for (const path of [`${folder}weights.safetensors`, `${folder}../../../worker.js`, "device/step.onnx"]) {
      expect((await get(path)).status).toBe(404);
    }
  });

  it("lets the worker compile WebAssembly, and nothing else", async () => {
    const { get } = (await setUp())!;
    const { headers } = await get("device/worker.js");
    expect(await get("device/worker.js", { "if-none-match": `"other", W/${headers.etag}` })).toMatchObject({
      status: 304,
    });
    expect((await get("device/worker.js", { "if-none-match": '"other"' })).status).toBe(200);
    expect(headers["content-security-policy"]).toBe(
      "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'",
    );
    const { runtime } = await (await setUp())!.index();
    expect((await get(runtime.path)).headers["content-type"]).toBe("application/wasm");
  });

  it("compresses as it is asked to", async () => {
    const { index, get } = (await setUp())!;
    const { runtime } = await index();
    const plain = await get(runtime.path);
    expect(plain.headers["content-encoding"]).toBeUndefined();
    expect(plain.headers.vary).toBe("accept-encoding");
    const brotli = await get(runtime.path, { "accept-encoding": "gzip, deflate, br;q=0.9" });
    expect(brotli.headers["content-encoding"]).toBe("br");
    expect(brotliDecompressSync(brotli.body).toString()).toBe("ort.wasm");
    const gzip = await get(runtime.path, { "accept-encoding": "gzip, br;q=0" });
    expect(gzip.headers["content-encoding"]).toBe("gzip");
    expect(gunzipSync(gzip.body).toString()).toBe("ort.wasm");
  });

  it("has new paths for a new bundle, and the old ones no more", async () => {
    const { index, get } = (await setUp())!;
    const before = (await index()).models[0].manifest.path;
    bundles = [await bundleOf("another graph")];
    const after = (await index()).models[0].manifest.path;
    expect(after).not.toBe(before);
    expect([(await get(before)).status, (await get(after)).status]).toEqual([404, 200]);
  });

  it("hands out no file that is not what was loaded any more", async () => {
    const { index, get } = (await setUp())!;
    const folder = (await index()).models[0].manifest.path.replace("bundle.json", "");
    await writeFile(join(directory, "step.onnx"), "a grapX");
    expect((await get(`${folder}step.onnx`, { "accept-encoding": "br" })).status).toBe(500);
    expect(faults).toHaveLength(1);
    await writeFile(join(directory, "step.onnx"), "a graph");
    expect((await get(`${folder}step.onnx`, { "accept-encoding": "br" })).status).toBe(200);
  });

  it("has another revision for other files of the page", async () => {
    const before = (await (await setUp())!.index()).revision;
    expect((await (await setUp())!.index()).revision).toBe(before);
    await writeFile(join(directory, "main.js"), "changed");
    expect((await (await setUp())!.index()).revision).not.toBe(before);
  });

  it("is not there where nothing may be handed out, or nothing was built", async () => {
    expect(await setUp(false)).toBeUndefined();
    await rm(join(directory, "ort.wasm"));
    expect(await setUp()).toBeUndefined();
  });
});
