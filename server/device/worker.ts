// The browser's worker that translates: built into one script, with onnxruntime-web. Starts on import.
import * as ort from "onnxruntime-web/wasm";
import { z } from "zod";
import { deviceRequestSchema } from "./device-messages.ts";
import { DeviceService } from "./device-service.ts";
import type { FileCache } from "./device-store.ts";

/** What of a browser's worker is used. */
declare const self: {
  onmessage: ((event: { data: unknown }) => void) | null;
  postMessage(message: unknown): void;
  /** Absent where the page is not from https or this machine. */
  readonly caches?: { open(name: string): Promise<FileCache> };
};

declare const WebAssembly: { validate(module: Uint8Array): boolean };

/** Where the browser keeps the runtime and the models. */
const CACHE = "souffleur-device";

/** A function of one SIMD instruction, `i8x16.splat`: valid only where WebAssembly has them. */
const SIMD_MODULE = Uint8Array.of(
  ...[0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 8, 1, 6, 0, 65, 0, 253, 15, 11],
);

// The worker may not make code from text: its schemas are not compiled.
z.config({ jitless: true });

const service = new DeviceService({
  // A cache that cannot be opened (private windows of some browsers) only means that nothing is kept.
  openCache: async () => self.caches?.open(CACHE).catch(() => undefined),
  fetch: (url) => fetch(url),
  hasSimd: () => WebAssembly.validate(SIMD_MODULE),
  runtime: {
    provider: "wasm",
    start: (wasm) => {
      ort.env.wasm.wasmBinary = wasm.buffer;
      // A step is small: threads would cost more than they bring, and need a page that is isolated from others.
      ort.env.wasm.numThreads = 1;
      return ort;
    },
    options: { executionProviders: ["wasm"], graphOptimizationLevel: "all", enableMemPattern: false },
  },
  reply: (message) => self.postMessage(message),
});

self.onmessage = ({ data }) => {
  void service.take(deviceRequestSchema.parse(data));
};
