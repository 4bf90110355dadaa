import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import type { OnnxRuntime } from "../../models/graph-session.ts";
import { standInBundle } from "../../models/stand-in-bundle.ts";
import type { DeviceReply, DeviceRequest } from "./device-messages.ts";
import { DeviceService } from "./device-service.ts";

const BASE = "https://server.test/";

/** What a server hands out: the stand-in's manifest, which names no graph that could be opened. */
function handedOut() {
  const { manifest } = standInBundle();
  const files: Record<string, string> = { "device/runtime/1/ort.wasm": "wasm" };
  const listed = (path: string, content: string) => {
    files[path] = content;
    const sha256 = createHash("sha256").update(content).digest("hex");
    return { path, bytes: Buffer.byteLength(content), sha256 };
  };
  const tokenizer = listed("device/models/stand-in/1/tokenizer.json", "{}");
  const step = listed("device/models/stand-in/1/step.onnx", "graph");
  const own = [tokenizer, step].map(({ path, ...rest }) => ({ path: path.split("/").at(-1), ...rest }));
  const bundle = listed("device/models/stand-in/1/bundle.json", JSON.stringify({ ...manifest, files: own }));
  const index = {
    revision: "1",
    page: [],
    runtime: listed("device/runtime/1/ort.wasm", "wasm"),
    models: [{ name: "stand-in", manifest: bundle, bytes: tokenizer.bytes + step.bytes }],
  };
  return { files, index };
}

function setUp({ hasSimd = true, change = (_files: Record<string, string>) => {} } = {}) {
  const { files, index } = handedOut();
  change(files);
  const replies: DeviceReply[] = [];
  const asked: string[] = [];
  const service = new DeviceService({
    openCache: async () => undefined,
    fetch: async (url) => {
      asked.push(url.slice(BASE.length));
      const content = files[url.slice(BASE.length)];
      return content === undefined ? new Response("", { status: 404 }) : new Response(content);
    },
    hasSimd: () => hasSimd,
    runtime: {
      provider: "wasm",
      options: {},
      start: (): OnnxRuntime => {
        throw new Error("the runtime does not start");
      },
    },
    reply: (reply) => replies.push(reply),
  });
  const open = (model = "stand-in"): DeviceRequest => ({ type: "open", base: BASE, index, model, start: "{}" });
  return { service, replies, asked, open };
}

describe("DeviceService", () => {
  it.each([
    ["a browser without SIMD", { hasSimd: false }, "no-simd", /no SIMD/],
    [
      "a file that is not what was listed",
      {
        change: (files: Record<string, string>) =>
          Object.assign(files, { "device/models/stand-in/1/step.onnx": "grapX" }),
      },
      "damaged",
      /^step\.onnx has sha256/,
    ],
    [
      "a file that is not there",
      { change: (files: Record<string, string>) => delete files["device/runtime/1/ort.wasm"] },
      "unreachable",
      /ort\.wasm cannot be fetched: the server answers 404/,
    ],
    ["a bundle that cannot be read", {}, "unusable", /^tokenizer\.json: /],
  ])("tells of %s", async (_name, options, failure, reason) => {
    const { service, replies, open } = setUp(options);
    await service.take(open());
    expect(replies.at(-1)).toEqual({ type: "failed", failure, reason: expect.stringMatching(reason) });
  });

  it("tells of a model that is not handed out, and how much of one is here", async () => {
    const { service, replies, open } = setUp();
    await service.take(open("other"));
    expect(replies).toEqual([{ type: "failed", failure: "unusable", reason: "the server hands out no model other" }]);
    await service.take(open());
    const progress = replies.filter((reply) => reply.type === "progress").at(-1);
    expect(progress).toMatchObject({ loaded: progress?.total });
  });

  it("does for a later request only, and takes frames without a stream as nothing", async () => {
    const { service, replies, asked, open } = setUp();
    void service.take(open());
    await service.take({ type: "drop" });
    expect([replies, asked]).toEqual([[], []]);
    await service.take({ type: "frame", frame: '{"type":"end"}' });
    expect(replies).toEqual([]);
  });
});
