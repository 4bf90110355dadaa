import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { DeviceFetchError, DeviceStore, type FileCache } from "./device-store.ts";

const BASE = "https://server.test/live/";
const CONTENT = new TextEncoder().encode("a graph");
const sha256 = createHash("sha256").update(CONTENT).digest("hex");
const file = { path: "device/models/a/1/step.onnx", bytes: CONTENT.byteLength, sha256 };
const URL_OF_FILE = `${BASE}${file.path}`;

/** A cache in memory; full: nothing more can be put into it. */
function memoryCache(kept: Record<string, string> = {}, full = false): FileCache & { held: Map<string, string> } {
  const held = new Map(Object.entries(kept));
  return {
    held,
    match: async (url) => (held.has(url) ? new Response(held.get(url)) : undefined),
    put: async (url, response) => {
      if (full) throw new Error("QuotaExceededError");
      held.set(url, await response.text());
    },
    delete: async (url) => held.delete(url),
    keys: async () => [...held.keys()].map((url) => ({ url })),
  };
}

function setUp({ sent = "a graph" as string | null, cache = undefined as FileCache | undefined } = {}) {
  const asked: string[] = [];
  const received: number[] = [];
  const notKept: unknown[] = [];
  const store = new DeviceStore({
    base: BASE,
    cache,
    fetch: async (url) => {
      asked.push(url);
      return sent === null ? new Response("none", { status: 404 }) : new Response(sent);
    },
    received: (bytes) => received.push(bytes),
    notKept: (error) => notKept.push(error),
  });
  return { store, asked, received, notKept };
}

describe("DeviceStore", () => {
  it("fetches a file once, keeps it, and tells of its bytes each time", async () => {
    const cache = memoryCache();
    const first = setUp({ cache });
    expect(await first.store.load(file)).toEqual(CONTENT);
    expect(first.asked).toEqual([URL_OF_FILE]);
    expect(first.received).toEqual([7]);
    const second = setUp({ cache, sent: null });
    expect(await second.store.load(file)).toEqual(CONTENT);
    expect([second.asked, second.received]).toEqual([[], [7]]);
  });

  it("fetches what was kept and damaged again", async () => {
    const cache = memoryCache({ [URL_OF_FILE]: "a grapX" });
    const { store, asked } = setUp({ cache });
    expect(await store.load(file)).toEqual(CONTENT);
    expect(asked).toHaveLength(1);
    expect(cache.held.get(URL_OF_FILE)).toBe("a graph");
  });

  it.each([
    ["another hash", "a grapX", "hash", /^step\.onnx has sha256 [0-9a-f]{64}; bundle\.json says/],
    ["another length", "a gra", "size", /^step\.onnx has 5 bytes; bundle\.json says 7$/],
  ])("neither uses nor keeps what arrives with %s", async (_name, sent, code, message) => {
    const cache = memoryCache();
    const error: unknown = await setUp({ cache, sent })
      .store.load(file)
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: "BundleError", code, message: expect.stringMatching(message) });
    expect(cache.held.size).toBe(0);
  });

  it("goes on where there is no room, and where nothing is kept at all", async () => {
    const full = setUp({ cache: memoryCache({}, true) });
    expect(await full.store.load(file)).toEqual(CONTENT);
    expect(full.notKept).toHaveLength(1);
    const none = setUp();
    expect(await none.store.load(file)).toEqual(CONTENT);
    expect(none.notKept).toHaveLength(0);
  });

  it("says that a file cannot be had", async () => {
    await expect(setUp({ sent: null }).store.load(file)).rejects.toThrow(DeviceFetchError);
    const store = new DeviceStore({
      base: BASE,
      cache: undefined,
      fetch: () => Promise.reject(new TypeError("Failed to fetch")),
      received: () => {},
      notKept: () => {},
    });
    await expect(store.load(file)).rejects.toThrow(/step\.onnx cannot be fetched: Failed to fetch$/);
  });

  it("forgets older versions in a folder, and nothing else", async () => {
    const old = `${BASE}device/models/a/0/step.onnx`;
    const other = `${BASE}device/models/b/0/step.onnx`;
    const cache = memoryCache({ [old]: "old", [other]: "other" });
    const { store } = setUp({ cache });
    await store.load(file);
    await store.forgetOthers("device/models/a/");
    expect([...cache.held.keys()].sort()).toEqual([URL_OF_FILE, other]);
  });
});
