// The live page's ways to take text: the microphone, a text of one's own, a caption file of each format.
import { existsSync } from "node:fs";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { writeCaptions } from "../server/captions/files/caption-file.ts";
import type { RunningServer } from "../server/main.ts";
import { faults } from "./axe.ts";
import { RECOGNISER } from "./recogniser.ts";
import { startStandInServer } from "./stand-in-server.ts";

const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const POLL = { timeout: 15_000, interval: 20 };
const NO_SPEECH = "delete window.SpeechRecognition; delete window.webkitSpeechRecognition;";

describe.skipIf(!existsSync(CHROMIUM))("the live page takes", () => {
  let browser: Browser;
  let server: RunningServer;
  let page: Page;

  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
  });
  afterAll(() => browser.close());
  beforeEach(async () => {
    server = await startStandInServer();
  });
  afterEach(async () => {
    await Promise.all(browser.contexts().map((context) => context.close()));
    await server.close();
  });

  async function visit(script = RECOGNISER): Promise<void> {
    page = await (await browser.newContext({ viewport: { width: 1280, height: 800 } })).newPage();
    await page.addInitScript(script);
    await page.goto(server.url);
    await expect.poll(() => text("state-text"), POLL).toBe("Connected");
  }

  const text = (id: string) =>
    page.evaluate<string>(`document.getElementById("${id}").innerText.replace(/\\n+/g, "\\n").trim()`);
  const said = (wanted: string) => expect.poll(() => text("source-settled"), POLL).toBe(wanted);
  const open = (wanted: string) => expect.poll(() => text("source-open"), POLL).toBe(wanted);

  it("speech: the words that two guesses agree on at once, the rest when it is sure, and never one back", async () => {
    await visit();
    expect(await faults(page)).toEqual([]);
    await page.click("#speak");
    expect(await text("speak")).toBe("Stop listening");
    expect(await page.getAttribute("#speak", "aria-pressed")).toBe("true");
    expect(await page.evaluate("listening")).toBe("en");
    await page.evaluate("recogniser.hear('the old')");
    await open("");
    await page.evaluate("recogniser.hear('the old harbour is')");
    await open("the old");
    await page.evaluate("recogniser.hear('the old harbour was closed')");
    await open("the old harbour");
    // What was said stays, though the browser thinks otherwise in the end.
    await page.evaluate("recogniser.hear('the cold harbour was closed today', true)");
    await said("the old harbour was closed today");
    // Browsers end it from time to time: it goes on.
    await page.evaluate("recogniser.onend()");
    expect(await page.evaluate("begun")).toBe(2);
    await page.evaluate("recogniser.hear('come in')");
    await page.click("#speak");
    expect(await page.evaluate("listening")).toBe("");
    await said("the old harbour was closed today\ncome in");
  });

  it("no speech where it cannot, and says why", async () => {
    await visit();
    await page.click("#speak");
    await page.evaluate("recogniser.onerror({ error: 'no-speech' })");
    expect(await text("speak")).toBe("Stop listening");
    await page.evaluate("recogniser.onerror({ error: 'not-allowed' })");
    expect([await text("speak"), await text("speech-note")]).toEqual([
      "Microphone",
      expect.stringContaining("allow it"),
    ]);
    await visit(NO_SPEECH);
    expect(await page.locator("#speak").isDisabled()).toBe(true);
    expect(await text("speech-note")).toMatch(/^This browser does not turn speech into text/);
    expect(await faults(page)).toEqual([]);
  });

  it("a text of one's own, word by word at speaking speed", async () => {
    await visit();
    await page.selectOption("#talk", "own");
    await page.fill("#speed", "300");
    await page.click("#play");
    expect(await faults(page)).toEqual([]);
    await page.click("#own-play");
    expect(await text("own-note")).toBe("There is nothing to play yet.");
    await page.fill("#own-text", "Come in,\nplease.\n\n\nSit down.");
    const begun = performance.now();
    await page.click("#own-play");
    await said("Come in, please.\nSit down.");
    // Five words take a second at this speed; the last one is out when it begins.
    expect(performance.now() - begun).toBeGreaterThan(500);
  });

  it.each(["srt", "vtt", "ttml"] as const)("a caption file: %s", async (format) => {
    await visit();
    const cues = [
      { start: 1_000, end: 2_000, lines: ["The old", "harbour"] },
      { start: 2_100, end: 3_000, lines: ["is open."] },
      { start: 9_000, end: 9_900, lines: ["Come in"] },
    ];
    await page.fill("#speed", "300");
    await page.selectOption("#talk", "file");
    const [chooser] = await Promise.all([page.waitForEvent("filechooser"), page.click("#play")]);
    const buffer = Buffer.from(writeCaptions(cues, format, "en"));
    await chooser.setFiles({ name: `talk.${format}`, mimeType: "text/plain", buffer });
    await said("The old harbour is open.\nCome in");
  });

  it("no broken file, and says in which line it is broken", async () => {
    await visit();
    await page.selectOption("#talk", "file");
    const [chooser] = await Promise.all([page.waitForEvent("filechooser"), page.click("#play")]);
    const buffer = Buffer.from("1\n00:00:02,000 --> 00:00:01,000\nCome in\n");
    await chooser.setFiles({ name: "talk.srt", mimeType: "text/plain", buffer });
    await expect.poll(() => text("notice-text"), POLL).toMatch(/^talk\.srt: line 2: the cue ends before it begins/);
    await page.click("#notice-close");
    expect(await text("play")).toBe("Play");
  });
});
