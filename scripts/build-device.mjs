// What a browser needs to translate by itself: the worker as one script, and onnxruntime's WebAssembly, in dist/device/.
import { copyFile, mkdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const out = join(root, "dist/device");
const runtime = dirname(createRequire(import.meta.url).resolve("onnxruntime-web/wasm"));

/** Messages in forty languages come with zod, and those in English are used. */
const englishOnly = {
  name: "english-only",
  setup(bundler) {
    bundler.onLoad({ filter: /zod\/v4\/locales\/index\.js$/ }, ({ path }) => ({
      contents: 'export { default as en } from "./en.js";',
      resolveDir: dirname(path),
    }));
  },
};

await mkdir(out, { recursive: true });
await build({
  entryPoints: [join(root, "server/device/worker.ts")],
  outfile: join(out, "worker.js"),
  bundle: true,
  minify: true,
  format: "iife",
  platform: "browser",
  target: "es2022",
  legalComments: "inline",
  // The runtime asks where it was loaded from, to fetch what it is given here.
  define: { "import.meta.url": "self.location.href" },
  plugins: [englishOnly],
  logLevel: "warning",
});
await copyFile(join(runtime, "ort-wasm-simd-threaded.wasm"), join(out, "ort.wasm"));
