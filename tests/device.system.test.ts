// The live page translating on its own device, in a browser: what it says, that it needs no server, and what can go wrong.
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import * as ort from "onnxruntime-web/wasm";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import WebSocket from "ws";
import { SENTENCES } from "../bench/fixtures/sentences.ts";
import type { Bundle } from "../models/bundle.ts";
import { openGraphs } from "../models/student-model.ts";
import { InProcessEngine } from "../server/engine/in-process-engine.ts";
import { type RunningServer, startServer } from "../server/main.ts";
import { DEFAULT_BUNDLE, PACKAGE_ROOT, type ServerSettings } from "../server/settings.ts";

const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const isBuilt = existsSync(join(PACKAGE_ROOT, "dist/device/worker.js"));
const canRun = existsSync(CHROMIUM) && existsSync(join(DEFAULT_BUNDLE, "step.onnx")) && isBuilt;
const POLL = { timeout: 90_000, interval: 50 };
const SETTINGS: ServerSettings = { port: 0, logLevel: "silent", bundles: [DEFAULT_BUNDLE], workers: 1 };
const WAITS = [1, 3, "full"] as const;
const SAID = SENTENCES.en.slice(0, 32);

/** The finals of a stream that is told the sentences one after the other, as the page's worker is. */
function finalsOfServer({ streamUrl }: RunningServer, wait: number | "full"): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(streamUrl, "souffleur.v1");
    const finals: string[] = [];
    socket.on("error", reject);
    socket.on("close", () => resolve(finals));
    socket.on("open", () => {
      for (const frame of framesOf(wait)) socket.send(frame);
    });
    socket.on("message", (data) => {
      const message = JSON.parse(String(data));
      if (message.type === "final") finals.push(message.text);
    });
  });
}

function framesOf(wait: number | "full"): string[] {
  const messages: object[] = [{ type: "start", source: "en", target: "de", wait }];
  for (const text of SAID) messages.push({ type: "text", text }, { type: "commit" });
  return [...messages, { type: "end" }].map((message) => JSON.stringify(message));
}

/** Run in the page: one stream after the other in one worker, each told its frames. Gives the finals of each. */
const FINALS_ON_DEVICE = `async (streams) => {
  const index = await (await fetch("device/index.json")).json();
  const worker = new Worker("device/worker.js");
  const all = [];
  for (const [start, ...frames] of streams) {
    const finals = [];
    await new Promise((resolve, reject) => {
      worker.onerror = (event) => reject(new Error(event.message));
      worker.onmessage = ({ data }) => {
        if (data.type === "failed") reject(new Error(data.reason));
        if (data.type === "message" && data.message.type === "final") finals.push(data.message.text);
        if (data.type === "closed") resolve();
      };
      worker.postMessage({ type: "open", base: new URL(".", location).href, index, model: "en-de", start });
      for (const frame of frames) worker.postMessage({ type: "frame", frame });
    });
    all.push(finals);
  }
  worker.terminate();
  return all;
}`;

describe.skipIf(!canRun)("the live page on the device", () => {
  let browser: Browser;
  let server: RunningServer;
  let context: BrowserContext;
  let page: Page;
  let troubles: string[];

  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
  });
  afterAll(() => browser.close());
  beforeEach(async () => {
    server = await startServer(SETTINGS);
    context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
    page = await context.newPage();
    troubles = [];
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) troubles.push(message.text());
    });
    page.on("pageerror", (error) => troubles.push(String(error)));
  });
  afterEach(async () => {
    await context.close();
    await server.close();
  });

  const text = (id: string) => page.evaluate<string>(`document.getElementById("${id}").innerText`);
  const state = (wanted: string) => expect.poll(() => text("state-text"), POLL).toBe(wanted);
  const notice = (wanted: RegExp) => expect.poll(() => text("notice-text"), POLL).toMatch(wanted);
  const translated = (wanted: string) => expect.poll(() => text("target-settled"), POLL).toBe(wanted);

  async function visit(): Promise<void> {
    await page.goto(server.url);
    await state("Connected");
  }

  async function say(sentence: string): Promise<void> {
    await page.focus("#composer");
    await page.keyboard.type(sentence);
    await page.keyboard.press("Enter");
  }

  /** A worker's script that begins otherwise than the server's. */
  const alterWorker = (first: string) =>
    page.route("**/device/worker.js", async (route) => {
      const response = await route.fetch();
      await route.fulfill({ response, body: first + (await response.text()) });
    });

  it("translates there, goes on when the server is gone, and opens again without it", async () => {
    await visit();
    await say("Where is the station?");
    await translated("Wo ist der Bahnhof?");
    // An open sentence goes along to the other side.
    await page.focus("#composer");
    await page.keyboard.type("I do not ");
    await page.getByLabel("On this device").check();
    await state("On this device");
    expect(await text("stream-note")).toBe("Model en-de on this device, 3 tokens behind.");
    await say("know.");
    const both = "Wo ist der Bahnhof?\n\nIch weiß nicht.";
    await translated(both);
    await expect.poll(() => text("latency-note"), POLL).toMatch(/^[\d.]+ ms of it in the model\.$/);
    // The page's own files are kept beside the model.
    await expect.poll(() => page.evaluate("caches.keys()"), POLL).toHaveLength(2);
    await page.evaluate("navigator.serviceWorker.ready");
    expect(troubles).toEqual([]);

    await server.close();
    await say("Where is the station?");
    await translated(`${both}\n\nWo ist der Bahnhof?`);
    await page.reload();
    await state("On this device");
    await say("Where is the station?");
    await translated("Wo ist der Bahnhof?");
    await page.locator('#wait label:has-text("full")').click();
    await expect.poll(() => text("stream-note"), POLL).toBe("Model en-de on this device, a whole sentence behind.");
    await say("I do not know.");
    await translated("Wo ist der Bahnhof?\n\nIch weiß nicht.");

    // Back to the server, which is not there: the page says so and waits for it.
    await page.getByLabel("On this device").uncheck();
    await notice(/Connecting again/);
  });

  it("says what the server says, to the byte where both compute alike", async () => {
    await visit();
    const onDevice = await page.evaluate<string[][]>(`(${FINALS_ON_DEVICE})(${JSON.stringify(WAITS.map(framesOf))})`);
    expect(onDevice.map((finals) => finals.length)).toEqual(WAITS.map(() => SAID.length));
    // The server's own sessions, sockets and all, over the browser's arithmetic.
    const alike = await startServer(SETTINGS, { startEngine: wasmEngine });
    const ofAlike = [];
    for (const wait of WAITS) ofAlike.push(await finalsOfServer(alike, wait));
    await alike.close();
    expect(onDevice).toEqual(ofAlike);
    // The server's processor rounds otherwise in the last digit, which once in a while turns a choice between two words.
    for (const [index, wait] of WAITS.entries()) {
      const ofServer = await finalsOfServer(server, wait);
      const same = ofServer.filter((final, place) => final === onDevice[index][place]);
      expect(same.length).toBeGreaterThanOrEqual(0.9 * SAID.length);
    }
    expect(troubles).toEqual([]);
  });

  it("uses no file that arrives damaged, and takes it when it is whole again", async () => {
    await visit();
    await page.route("**/step.onnx", async (route) => {
      const body = await readFile(join(DEFAULT_BUNDLE, "step.onnx"));
      body[1000] ^= 1;
      await route.fulfill({ body });
    });
    await page.getByLabel("On this device").check();
    await notice(/^The model arrived damaged and was not used: step\.onnx has sha256 [0-9a-f]{64}; bundle\.json says/);
    await state("Not connected");
    await page.unroute("**/step.onnx");
    await page.getByRole("button", { name: "Connect now" }).click();
    await state("On this device");
    expect(await page.isHidden("#notice")).toBe(true);
  });

  it("says that the browser is too old, and goes back to the server", async () => {
    await alterWorker("WebAssembly.validate = () => false;");
    await visit();
    await page.getByLabel("On this device").check();
    await notice(/^This browser cannot translate on the device: its WebAssembly has no SIMD instructions/);
    await page.getByLabel("On this device").uncheck();
    await state("Connected");
    expect(await page.isHidden("#notice")).toBe(true);
  });

  it("translates though there is no room to keep the model, and says so", async () => {
    await visit();
    const session = await context.newCDPSession(page);
    const { origin } = new URL(server.url);
    await session.send("Storage.overrideQuotaForOrigin", { origin, quotaSize: 1_000_000 });
    await page.getByLabel("On this device").check();
    await state("On this device");
    await notice(/^This device has no room to keep the model/);
    await say("Where is the station?");
    await translated("Wo ist der Bahnhof?");
  });

  it("is not offered where the server hands nothing out", async () => {
    await server.close();
    server = await startServer({ ...SETTINGS, onDevice: "never" });
    await visit();
    expect(await page.getByLabel("On this device").isVisible()).toBe(false);
    expect((await fetch(new URL("device/index.json", server.url))).status).toBe(404);
  });
});

async function wasmEngine([bundle]: readonly Bundle[]) {
  const { manifest, stepPath } = bundle;
  ort.env.wasm.numThreads = 1;
  const step = new Uint8Array(await readFile(stepPath!));
  const options = { executionProviders: ["wasm"], graphOptimizationLevel: "all", enableMemPattern: false } as const;
  return new InProcessEngine({
    models: [{ name: manifest.name, runner: await openGraphs(ort, { manifest, step }, options) }],
  });
}
