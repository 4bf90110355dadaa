// What translating on the device costs in a browser: bytes, start-up, milliseconds a word. Needs Chromium and the build.
// `npm run build && node scripts/measure-device.mjs [--model en-fr] [--words 200]` prints one JSON object.
import { parseArgs } from "node:util";
import { chromium } from "playwright-core";
import { SENTENCES } from "../dist/bench/fixtures/sentences.js";
import { startServer } from "../dist/server/main.js";

const { values } = parseArgs({
  options: {
    model: { type: "string", default: "en-de" },
    words: { type: "string", default: "200" },
  },
});
const [source, target] = values.model.split("-");
/** A speaker in a hurry: 150 words a minute are one in 400 ms. */
const WORD_MS = 100;

const server = await startServer({ port: 0, logLevel: "silent", workers: 1, bundles: [`models/${values.model}`] });
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox"],
});
const context = await browser.newContext();
const page = await context.newPage();
let bytes = 0;
context.on("requestfinished", (request) => {
  void request.sizes().then(({ responseBodySize }) => {
    bytes += responseBodySize;
  });
});
await page.goto(server.url);
await state("Connected");
const pageBytes = bytes;
const began = performance.now();
await page.getByLabel("On this device").check();
await state("On this device");
const coldMs = performance.now() - began;
await page.waitForTimeout(500);
const modelBytes = bytes - pageBytes;
// The page's own files are kept beside the model.
while ((await page.evaluate(() => caches.keys())).length < 2) await page.waitForTimeout(50);
const again = performance.now();
await page.reload();
await state("On this device");
const warmMs = performance.now() - again;
// The page has a worker of its own with a model in it, which does nothing meanwhile.
const waits = [];
for (const wait of [1, 3, "full"]) waits.push(await measureWait(wait));
console.log(
  JSON.stringify({ ...values, chromium: browser.version(), pageBytes, modelBytes, coldMs, warmMs, waits }, null, 2),
);
await browser.close();
await server.close();

async function state(wanted) {
  while ((await page.textContent("#state-text")) !== wanted) await page.waitForTimeout(5);
}

/** Sentences said a word at a time; then all at once. */
async function measureWait(wait) {
  const words = SENTENCES[source].flatMap((text) => text.split(" ").map((word) => `${word} `));
  const said = words.slice(0, Number(values.words));
  const start = JSON.stringify({ type: "start", source, target, wait, timings: true });
  const model = values.model;
  const { computes, latencies, restMs } = await page.evaluate(SPEAK, { start, model, said, words, wordMs: WORD_MS });
  return {
    wait,
    deltas: latencies.length,
    latencyMs: spread(latencies),
    computeMs: spread(computes),
    msAWordAtOnce: Number((restMs / words.length).toFixed(2)),
  };
}

function spread(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share) => Number(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]?.toFixed(2));
  return { p50: at(0.5), p95: at(0.95) };
}

/** Runs in the page. */
async function SPEAK({ start, model, said, words, wordMs }) {
  const index = await (await fetch("device/index.json")).json();
  const worker = new Worker("device/worker.js");
  const base = new URL(".", location.href).href;
  const computes = [];
  const latencies = [];
  const stream = (frames, paced) =>
    new Promise((resolve, reject) => {
      let began = 0;
      worker.onmessage = async ({ data }) => {
        if (data.type === "failed") reject(new Error(data.reason));
        if (data.type === "closed") resolve(performance.now() - began);
        if (data.type !== "message") return;
        const { message } = data;
        if (message.type === "delta" && paced) {
          latencies.push(message.latency);
          computes.push(message.compute);
        }
        if (message.type !== "ready") return;
        began = performance.now();
        for (const frame of frames) {
          worker.postMessage({ type: "frame", frame: JSON.stringify(frame) });
          if (paced) await new Promise((done) => setTimeout(done, wordMs));
        }
      };
      worker.postMessage({ type: "open", base, index, model, start });
    });
  const texts = (some) => [...some.map((text) => ({ type: "text", text })), { type: "end" }];
  await stream(texts(said.slice(0, 20)), false);
  await stream(texts(said), true);
  const restMs = await stream(texts(words), false);
  worker.terminate();
  return { computes, latencies, restMs };
}
