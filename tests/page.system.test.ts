// The live page in a browser: against a double of the server that the test leads, and against the real one with its model.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { startServer } from "../server/main.ts";
import { PACKAGE_ROOT } from "../server/settings.ts";
import { CONTRAST } from "./contrast.ts";
import { ServerDouble } from "./server-double.ts";
import { startStandInServer } from "./stand-in-server.ts";

const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const hasBrowser = existsSync(CHROMIUM);
const hasModel =
  existsSync(join(PACKAGE_ROOT, "models/en-de/bundle.json")) && existsSync(join(PACKAGE_ROOT, "dist/server"));
const POLL = { timeout: 15_000, interval: 20 };

describe.skipIf(!hasBrowser)("the live page", () => {
  let browser: Browser;
  let double: ServerDouble;
  let address: string;
  let page: Page;
  let troubles: string[];

  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
  });
  afterAll(() => browser.close());
  beforeEach(async () => {
    double = new ServerDouble();
    address = await double.listen();
  });
  afterEach(async () => {
    await Promise.all(browser.contexts().map((context) => context.close()));
    await double.close();
    // No test may leave an error in the console: a refused style, a missing file, an exception.
    expect(troubles).toEqual([]);
  });

  async function visit(url = address, options: BrowserContextOptions = {}): Promise<void> {
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
    page = await context.newPage();
    troubles = [];
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) troubles.push(message.text());
    });
    page.on("pageerror", (error) => troubles.push(String(error)));
    await page.goto(url);
  }

  async function visitReady(options?: BrowserContextOptions): Promise<void> {
    await visit(address, options);
    await state("Connected");
  }

  const text = (id: string) =>
    page.evaluate<string>(`document.getElementById("${id}").innerText.replace(/\\n+/g, "\\n")`);
  const focused = () => page.evaluate<string>("document.activeElement.id || document.activeElement.value || 'body'");
  const state = (wanted: string) => expect.poll(() => text("state-text"), POLL).toBe(wanted);
  const translated = (wanted: string) => expect.poll(() => text("target-settled"), POLL).toBe(wanted);
  const said = (wanted: string, connection?: number) => expect.poll(() => double.said(connection), POLL).toBe(wanted);

  it("sends complete words as they are typed, shows what comes, and settles segments whole", async () => {
    await visitReady();
    expect(double.starts()).toMatchObject([{ source: "en", target: "de", wait: 2, timings: true }]);
    await page.evaluate(`window.heard = [];
      new MutationObserver((records) => heard.push(...records.flatMap((r) => [...r.addedNodes].map((n) => n.textContent))))
        .observe(document.getElementById("target-settled"), { childList: true })`);
    await page.keyboard.type("The old har");
    await said("The old ");
    await expect.poll(() => text("target-open"), POLL).toBe("THE");
    expect(await page.locator("#target-open .fresh").count()).toBe(1);
    await expect.poll(() => text("source-open"), POLL).toBe("The old ");
    await expect.poll(() => text("source-ahead"), POLL).toBe("old");
    expect(await page.inputValue("#composer")).toBe("har");
    await expect.poll(() => text("lag"), POLL).toBe("1");
    await page.keyboard.type("bour is open.");
    await said("The old harbour is open.");
    await page.keyboard.press("Enter");
    await said("The old harbour is open.|");
    await translated("THE OLD HARBOUR IS OPEN.");
    await page.keyboard.type("Come in");
    await page.keyboard.press("Enter");
    await translated("THE OLD HARBOUR IS OPEN.\nCOME IN");
    await expect.poll(() => text("source-settled"), POLL).toBe("The old harbour is open.\nCome in");
    await expect.poll(() => text("target-open"), POLL).toBe("");
    // The live region is told whole segments, once each.
    expect(await page.evaluate("heard")).toEqual(["THE OLD HARBOUR IS OPEN.", "COME IN"]);
    const log = page.locator("#target-settled");
    expect([await log.getAttribute("role"), await log.getAttribute("aria-live")]).toEqual(["log", "polite"]);
    expect(await log.getAttribute("lang")).toBe("de");
    expect(Number(await text("latency").then((shown) => shown.replace(" ms", "")))).toBeGreaterThan(0);
    await expect.poll(() => text("latency-note"), POLL).toBe("0.5 ms of it in the server.");
    await expect.poll(() => text("latency-spread"), POLL).toMatch(/^Half within [\d.]+ ms, 95% within [\d.]+ ms\.$/);
    await expect.poll(() => text("lag-note"), POLL).toBe("On average 2.5 words behind.");
    await expect.poll(() => page.locator("#sparkline .whole").count(), POLL).toBe(7);
    // What glowed becomes plain text again.
    await expect.poll(() => page.locator(".fresh").count(), POLL).toBe(0);
  });

  it("keeps what was sent and says so, and takes pasted paragraphs as segments", async () => {
    await visitReady({ permissions: ["clipboard-read", "clipboard-write"] });
    await page.focus("#composer");
    await page.keyboard.type("Stay ");
    await page.keyboard.press("Backspace");
    await expect.poll(() => text("told"), POLL).toBe("Words that were sent stay.");
    expect(await page.inputValue("#composer")).toBe("");
    await page.evaluate(`navigator.clipboard.writeText("here\\nplease.\\n\\nNo full stop\\n\\nThe e")`);
    await page.keyboard.press("Control+V");
    await said("Stay here\nplease.|No full stop|The ");
    expect(await page.inputValue("#composer")).toBe("e");
    await translated("STAY HERE PLEASE.\nNO FULL STOP");
    await page.click("#copy-target");
    await expect.poll(() => text("copy-target"), POLL).toBe("Copied");
    expect(await page.evaluate("navigator.clipboard.readText()")).toBe("STAY HERE PLEASE.\nNO FULL STOP");
    await page.click("#copy-source");
    await expect.poll(() => page.evaluate("navigator.clipboard.readText()"), POLL).toContain("No full stop\nThe");
    await page.click("#clear");
    await expect.poll(() => text("target-settled"), POLL).toBe("");
    await expect.poll(() => text("source-settled"), POLL).toBe("");
    // The open segment's translation must not come after all: there is a new stream.
    await expect.poll(() => double.connections, POLL).toBe(2);
    expect(await focused()).toBe("composer");
  });

  it("paces a long paste, and counts all of it", async () => {
    await visitReady();
    await page.focus("#composer");
    const long = "A sentence to be said again and again. ".repeat(200);
    await page.evaluate(`{ const data = new DataTransfer(); data.setData("text/plain", ${JSON.stringify(long)});
      document.activeElement.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true })) }`);
    await expect.poll(() => page.locator("#target-settled p").count(), POLL).toBe(200);
    expect(double.said()).toBe(long);
    expect(Math.max(...double.frames.map((frame) => (frame.type === "text" ? frame.text.length : 0)))).toBe(2000);
    await expect.poll(() => text("lag"), POLL).toBe("0");
  });

  it("connects again after a loss, and sends again what was not settled", async () => {
    await visitReady();
    double.silent = true;
    await page.keyboard.type("Nothing may be ");
    await said("Nothing may be ");
    double.silent = false;
    double.fail("overloaded", 1013);
    await expect.poll(() => text("notice"), POLL).toContain("The server has all the speakers it can serve");
    expect(await page.locator("#notice").getAttribute("role")).toBe("alert");
    await page.keyboard.type("lost.");
    await page.keyboard.press("Enter");
    await said("Nothing may be lost.|", 2);
    await translated("NOTHING MAY BE LOST.");
    await state("Connected");
    expect(await page.locator("#notice").isHidden()).toBe(true);
    expect(await page.locator("#target-open p").count()).toBe(0);
  });

  it("does not come back by itself after a refusal, and does when asked", async () => {
    double.onStart = (socket) => double.fail("unsupported_pair", 1008, socket);
    await visit();
    await state("Not connected");
    await expect.poll(() => text("notice-text"), POLL).toBe("The server has no model for these languages: the reason.");
    double.onStart = undefined;
    await page.click("#notice-retry");
    await state("Connected");
    double.send({ type: "error", code: "bad_request", message: "not so", fatal: false });
    await expect.poll(() => text("notice-text"), POLL).toBe("The server did not accept that: not so.");
    await page.click("#notice-close");
    expect(await page.locator("#notice").isHidden()).toBe(true);
    await expect.poll(() => text("state-text"), POLL).toBe("Connected");
  });

  it("rests when nothing is said, and wakes with the next word", async () => {
    await visitReady();
    double.fail("idle_timeout", 1008);
    await state("Resting until you type");
    expect(await page.locator("#notice").isHidden()).toBe(true);
    await page.keyboard.type("Hello ");
    await said("Hello ", 2);
    await state("Connected");
  });

  it("plays a talk: pause, resume, new settings at the sentence's end, stop", async () => {
    await visitReady();
    await page.fill("#speed", "200");
    await expect.poll(() => text("speed-value"), POLL).toBe("200");
    await page.click("#play");
    await expect.poll(() => double.said(), POLL).toMatch(/^Good morning, /);
    await page.click("#play");
    await expect.poll(() => text("play"), POLL).toBe("Resume");
    const paused = double.said();
    await page.keyboard.press("Alt+6");
    expect(double.connections).toBe(1);
    await page.click("#play");
    await expect.poll(() => double.starts().length, POLL).toBe(2);
    expect(double.said(1)).toBe("Good morning, everyone, and thank you for coming. |");
    expect(double.said(1).startsWith(paused)).toBe(true);
    expect(double.starts()[1]).toMatchObject({ wait: "full" });
    await expect.poll(() => double.said(2), POLL).toMatch(/^Today I want /);
    await expect.poll(() => text("stream-note"), POLL).toBe("Model a, a whole sentence behind.");
    await page.focus("#stop");
    await page.keyboard.press("Enter");
    await expect.poll(() => text("play"), POLL).toBe("Play");
    expect(double.said(2).endsWith("|")).toBe(true);
    expect(await focused()).toBe("play");
    await page.selectOption("#pair", { label: "English to French" });
    await expect.poll(() => double.starts()[2], POLL).toMatchObject({ target: "fr", model: "b", wait: "full" });
    await expect.poll(() => text("target-title"), POLL).toBe("French");
  });

  it("is used by keyboard alone, with the focus always in sight", async () => {
    await visitReady();
    const seen: string[] = [];
    for (let stop = 0; stop < 13; stop += 1) {
      await page.keyboard.press("Tab");
      seen.push(await focused());
      const outlined = await page.evaluate<boolean>(`[document.activeElement, document.activeElement.nextElementSibling,
        document.activeElement.closest(".source")].some((e) => e && parseFloat(getComputedStyle(e).outlineWidth) >= 3
        && getComputedStyle(e).outlineStyle === "solid")`);
      expect([seen.at(-1), outlined]).toEqual([seen.at(-1), true]);
    }
    const order =
      "pair keys-open speak talk play speed copy-source clear source-scroll composer copy-target target-scroll 2";
    expect(seen.join(" ")).toBe(order);
    await page.keyboard.press("Alt+K");
    expect(await page.locator("#keys").isVisible()).toBe(true);
    await page.keyboard.press("Escape");
    await page.keyboard.press("Alt+P");
    await expect.poll(() => text("play"), POLL).toBe("Pause");
    await page.keyboard.press("Alt+S");
    await expect.poll(() => text("play"), POLL).toBe("Play");
    await page.keyboard.press("Alt+T");
    expect(await focused()).toBe("composer");
    await page.keyboard.press("Alt+4");
    await expect.poll(() => double.starts().at(-1)?.wait, POLL).toBe(5);
  });

  it("fits a phone without scrolling sideways", async () => {
    await visit(address, { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true });
    await state("Connected");
    await page.fill("#speed", "300");
    await page.tap("#play");
    await expect.poll(() => page.locator("#target-settled p").count(), POLL).toBe(1);
    const longest = "Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichen ";
    double.send({ type: "delta", segment: 90, target: "de", text: longest.trim().repeat(2), read: 1, seq: 90 });
    for (const width of [360, 320]) {
      await page.setViewportSize({ width, height: 740 });
      expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(width);
      expect(await page.evaluate("document.getElementById('target-scroll').scrollWidth")).toBeLessThanOrEqual(width);
    }
    const box = await page.locator("#target-scroll").boundingBox();
    expect((box?.y ?? Number.POSITIVE_INFINITY) + (box?.height ?? 0)).toBeLessThanOrEqual(740);
  });

  it.each(["light", "dark"] as const)("can be read in a %s scheme", async (colorScheme) => {
    await visitReady({ colorScheme, reducedMotion: "reduce" });
    await page.keyboard.type("Is this clear? Perhaps not yet ");
    await translated("IS THIS CLEAR?");
    const paper = await page.evaluate<string>("getComputedStyle(document.querySelector('.pane')).backgroundColor");
    expect(paper === "rgb(255, 255, 255)").toBe(colorScheme === "light");
    double.send({ type: "error", code: "bad_request", message: "not so", fatal: false });
    await page.locator("#notice-text").waitFor();
    const parts = ["#source-settled p", "#target-settled p", "#source-ahead", ".hint", ".label", ".role", ".note"];
    for (const part of [...parts, "#play", "#clear", "#state", "#notice-text", ".choices input:checked + span"]) {
      expect([part, await page.evaluate<number>(`(${CONTRAST})(${JSON.stringify(part)}) >= 4.5`)]).toEqual([
        part,
        true,
      ]);
    }
    const glow = "getComputedStyle(document.querySelector('#target-open p')).animationName";
    expect(await page.evaluate(glow)).toBe("none");
  });

  it("agrees with the real server on words and segments", async () => {
    const server = await startStandInServer();
    try {
      await visit(server.url);
      await state("Connected");
      await expect.poll(() => text("stream-note"), POLL).toBe("Model stand-in, 3 tokens behind.");
      await page.keyboard.type("Mr. Smith paid 3.5 million, e.g. for “this”… Really? Yes , (of course)!  And   so on");
      await expect.poll(() => page.locator("#target-settled p").count(), POLL).toBe(3);
      await expect.poll(() => text("source-open"), POLL).toBe("And so ");
      await page.keyboard.press("Alt+6");
      await expect.poll(() => text("stream-note"), POLL).toBe("Model stand-in, a whole sentence behind.");
      await page.keyboard.press("Enter");
      await expect.poll(() => page.locator("#target-settled p").count(), POLL).toBe(5);
      expect((await text("source-settled")).split("\n").slice(-2)).toEqual(["And so", "on"]);
      await expect.poll(() => text("source-open"), POLL).toBe("");
      await expect.poll(() => text("lag"), POLL).toBe("0");
      expect(await page.locator("#target-open p").count()).toBe(0);
      await expect.poll(() => text("latency-note"), POLL).toMatch(/^[\d.]+ ms of it in the server\.$/);
      // Told to stop, the server finishes what is open; the page says what happened.
      await page.keyboard.type("The last words ");
      await expect.poll(() => text("source-open"), POLL).toBe("The last words ");
      await page.evaluate("window.WebSocket = class { constructor() { this.readyState = 0 } close() {} }");
      await server.close();
      await expect.poll(() => text("notice"), POLL).toContain("The server is restarting. Connecting again");
      expect((await text("source-settled")).endsWith("The last words")).toBe(true);
    } finally {
      await page.close();
      await server.close();
    }
  });

  it.skipIf(!hasModel)("translates on the real server with its model", async () => {
    const server = await startServer({ port: 0, workers: 1, logLevel: "silent" });
    try {
      await visit(server.url);
      await state("Connected");
      await page.keyboard.type("Good morning. How are you? ");
      await expect.poll(() => page.locator("#target-settled p").count(), POLL).toBe(2);
      await expect.poll(() => text("source-settled"), POLL).toBe("Good morning.\nHow are you?");
      expect((await text("target-settled")).length).toBeGreaterThan(10);
      await page.fill("#speed", "300");
      await page.click("#play");
      await expect.poll(() => page.locator("#target-settled p").count(), POLL).toBeGreaterThan(3);
      await expect.poll(() => text("latency-note"), POLL).toMatch(/^[\d.]+ ms of it in the server\.$/);
      await expect.poll(() => text("lag-note"), POLL).toMatch(/^On average -?[\d.]+ words behind\.$/);
    } finally {
      await page.close();
      await server.close();
    }
  });
});
