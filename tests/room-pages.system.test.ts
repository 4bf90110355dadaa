// The pages of rooms in a browser, on the real server: one speaks, another reads along, a third lies over a picture.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { makeKey, writeKeyFile } from "../server/admission/api-keys.ts";
import { readWebVtt } from "../server/captions/files/webvtt.ts";
import type { RunningServer } from "../server/main.ts";
import type { ServerSettings } from "../server/settings.ts";
import { faults } from "./axe.ts";
import { RECOGNISER } from "./recogniser.ts";
import { startStandInServer } from "./stand-in-server.ts";

const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const POLL = { timeout: 15_000, interval: 20 };

describe.skipIf(!existsSync(CHROMIUM))("the pages of rooms", () => {
  let browser: Browser;
  let troubles: string[] = [];
  const closers: (() => unknown)[] = [];

  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
  });
  afterAll(() => browser.close());
  afterEach(async () => {
    await Promise.all(browser.contexts().map((context) => context.close()));
    for (const close of closers.splice(0).reverse()) await close();
    expect(troubles).toEqual([]);
  });

  async function serve(settings: ServerSettings = {}): Promise<RunningServer> {
    const server = await startStandInServer(settings);
    closers.push(() => server.close());
    troubles = [];
    return server;
  }

  /** @param silent whether errors in the console are part of the test */
  async function visit(url: string, options: BrowserContextOptions = {}, silent = false): Promise<Page> {
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
    const page = await context.newPage();
    page.on("console", (message) => {
      if (!silent && ["error", "warning"].includes(message.type())) troubles.push(message.text());
    });
    page.on("pageerror", (error) => troubles.push(String(error)));
    await page.addInitScript(RECOGNISER);
    await page.goto(url);
    return page;
  }

  const text = (page: Page, id: string) =>
    page.evaluate<string>(`document.getElementById("${id}").innerText.replace(/\\n+/g, "\\n")`);
  const shows = (page: Page, id: string, wanted: string | RegExp) =>
    expect.poll(() => text(page, id), POLL).toMatch(typeof wanted === "string" ? new RegExp(`^${wanted}$`) : wanted);
  const count = (page: Page, selector: string) => expect.poll(() => page.locator(selector).count(), POLL);

  async function speaker(server: RunningServer, room = "hall") {
    const socket = new WebSocket(`${server.streamUrl}?source=en&target=de&wait=1&room=${room}`);
    const finals: string[] = [];
    socket.on("message", (data) => {
      const message = JSON.parse(String(data));
      if (message.type === "final") finals.push(message.text);
    });
    await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
    closers.push(() => socket.terminate());
    const say = (said: string) => socket.send(JSON.stringify({ type: "text", text: said }));
    return { socket, finals, say };
  }

  it("show a reader what is said, as it is said, and the last lines first", async () => {
    const server = await serve();
    const page = await visit(`${server.url}live/hall`);
    await shows(page, "state-text", "Waiting for the speaker");
    await shows(page, "empty", /when somebody speaks/);
    expect(await faults(page)).toEqual([]);
    const { finals, say, socket } = await speaker(server);
    await shows(page, "state-text", "Live");
    await expect.poll(() => page.inputValue("#target"), POLL).toBe("de");
    await page.evaluate(`window.heard = [];
      new MutationObserver((records) => heard.push(...records.flatMap((r) => [...r.addedNodes].map((n) => n.textContent))))
        .observe(document.getElementById("lines"), { childList: true })`);
    say("The words in order. The chest");
    await count(page, "#lines p").toBe(1);
    await count(page, "#open p").toBe(1);
    expect(await text(page, "lines")).toBe(finals[0]);
    say(" and the words. ");
    await count(page, "#lines p").toBe(2);
    // A screen reader is told whole sentences, once each.
    expect(await page.evaluate("heard")).toEqual(finals);
    const log = page.locator("#lines");
    const attributes = ["role", "aria-live", "lang"].map((name) => log.getAttribute(name));
    expect(await Promise.all(attributes)).toEqual(["log", "polite", "de"]);
    expect(await page.locator("#open").getAttribute("aria-live")).toBe("off");
    expect(await faults(page)).toEqual([]);
    const late = await visit(`${server.url}live/hall?target=de`);
    await shows(late, "lines", finals.join("\n"));
    socket.send(JSON.stringify({ type: "end" }));
    await shows(late, "state-text", "Waiting for the speaker");
    expect(await text(late, "lines")).toBe(finals.join("\n"));
  });

  it("let the reader choose size and colours, scroll back, copy and download", async () => {
    const server = await serve();
    const context = { acceptDownloads: true, permissions: ["clipboard-read", "clipboard-write"] };
    const page = await visit(`${server.url}live/hall?target=de`, context);
    const { finals, say } = await speaker(server);
    for (let turn = 0; turn < 12; turn++) say("The words and the chest in order of the words. ");
    await count(page, "#lines p").toBe(12);
    const size = () => page.evaluate<number>("parseFloat(getComputedStyle(document.getElementById('lines')).fontSize)");
    const before = await size();
    await page.click("#larger");
    await page.keyboard.press("Alt+Equal");
    expect(await size()).toBeGreaterThan(before * 1.3);
    for (let turn = 0; turn < 2; turn++) await page.click("#larger");
    for (const contrast of ["light", "dark", "yellow"]) {
      await page.selectOption("#contrast", contrast);
      expect(await faults(page)).toEqual([]);
    }
    // The newest is in sight, until one reads what was said before.
    const bottom = () =>
      page.evaluate<number>(
        "(() => { const s = document.getElementById('scroll'); return s.scrollHeight - s.scrollTop - s.clientHeight })()",
      );
    expect(await bottom()).toBeLessThan(2);
    await page.focus("#scroll");
    await page.keyboard.press("Home");
    await expect.poll(() => page.locator("#latest").isVisible(), POLL).toBe(true);
    say("The end. ");
    await count(page, "#lines p").toBe(13);
    expect(await bottom()).toBeGreaterThan(50);
    await page.click("#latest");
    await expect.poll(bottom, POLL).toBeLessThan(2);
    await page.click("#copy");
    await expect.poll(() => page.evaluate("navigator.clipboard.readText()"), POLL).toBe(finals.join("\n"));
    const [download] = await Promise.all([page.waitForEvent("download"), page.click("#download")]);
    expect(download.suggestedFilename()).toBe("hall.de.vtt");
    const cues = readWebVtt(readFileSync(await download.path(), "utf8"));
    expect(cues.flatMap(({ lines }) => lines).join(" ")).toBe(finals.join(" "));
    expect(cues.every(({ lines }) => lines.length <= 2 && lines.every((line) => line.length <= 42))).toBe(true);
    // What was chosen holds the next time.
    await page.reload();
    expect(await page.inputValue("#contrast")).toBe("yellow");
    expect(await size()).toBeGreaterThan(before * 2);
  });

  it("go on after a lost connection, nothing lost and nothing twice, on a phone too", async () => {
    // With uWebSockets.js the port would be taken for a while, as its old connections are.
    let server = await serve({ transport: "ws" });
    const { port } = server;
    const phone = { viewport: { width: 360, height: 640 }, hasTouch: true, isMobile: true };
    const page = await visit(`${server.url}live/hall?target=de`, phone, true);
    const first = await speaker(server);
    first.say("The words in order. ");
    await count(page, "#lines p").toBe(1);
    const width = await page.evaluate<number>("document.documentElement.scrollWidth");
    expect(width).toBeLessThanOrEqual(360);
    expect(await faults(page)).toEqual([]);
    await server.close();
    await shows(page, "state-text", "Reconnecting");
    expect(await text(page, "notice-text")).toMatch(/connection was lost/);
    server = await startStandInServer({ port, transport: "ws" });
    closers.push(() => server.close());
    const second = await speaker(server);
    second.say("The chest. ");
    await shows(page, "lines", [...first.finals, ...second.finals].join("\n") || /\n/);
    await count(page, "#lines p").toBe(2);
    expect(await text(page, "lines")).toBe([...first.finals, ...second.finals].join("\n"));
    await expect.poll(() => page.locator("#notice").isVisible(), POLL).toBe(false);
  });

  it("let a speaker start a room, type, play and speak, and see what readers see and how many they are", async () => {
    const server = await serve();
    const page = await visit(`${server.url}speak/hall`);
    await shows(page, "state-text", "Not started");
    expect(await faults(page)).toEqual([]);
    expect(await page.getAttribute("#share", "href")).toBe(`${server.url}live/hall`);
    const reader = await visit(`${server.url}live/hall`);
    await page.click("#start");
    await shows(page, "state-text", "You are live");
    await shows(reader, "state-text", "Live");
    await shows(page, "viewers", "1");
    await page.keyboard.type("The words in order. ");
    await count(reader, "#lines p").toBe(1);
    await shows(page, "said", "The words in order.");
    await expect.poll(() => text(page, "lines"), POLL).toBe(await text(reader, "lines"));
    // A text of one's own, at speaking speed.
    await page.fill("#speed", "300");
    await page.selectOption("#talk", "own");
    await page.click("#play");
    expect(await faults(page)).toEqual([]);
    await page.fill("#own-text", "The chest.\n\nAnd the words.");
    await page.click("#own-play");
    await shows(page, "said", "The words in order.\nThe chest.\nAnd the words.");
    // The microphone.
    await page.click("#speak");
    expect(await page.evaluate("listening")).toBe("en");
    await page.evaluate("recogniser.hear('the words')");
    await page.evaluate("recogniser.hear('the words and')");
    await page.evaluate("recogniser.hear('the words and the chest', true)");
    await shows(page, "said", /the words and the chest$/);
    await count(reader, "#lines p").toBe(4);
    expect(await faults(page)).toEqual([]);
    await page.click("#start");
    await shows(page, "state-text", "Not started");
    expect(await page.evaluate("listening")).toBe("");
    await shows(reader, "state-text", "Waiting for the speaker");
  });

  it("ask for the key where the server needs one, and say what is wrong", async () => {
    const directory = mkdtempSync(join(tmpdir(), "souffleur-pages-"));
    closers.push(() => rmSync(directory, { recursive: true }));
    const keyFile = join(directory, "keys.json");
    const { key, record } = makeKey("theatre");
    writeFileSync(keyFile, writeKeyFile([record]));
    const server = await serve({ keyFile });
    const page = await visit(`${server.url}speak/hall`);
    await page.click("#start");
    await shows(page, "notice-text", /asks for a key/);
    await page.fill("#key", key);
    await page.click("#start");
    await shows(page, "state-text", "You are live");
    expect(await (await fetch(`${server.url}live/Big%20Hall`)).status).toBe(404);
  });

  it("lie over a picture: the newest rows of a room, gone when nothing is said", async () => {
    const server = await serve();
    const page = await visit(`${server.url}overlay?room=hall&size=40&rows=2&hold=1`);
    const { say, finals } = await speaker(server);
    say("The words in order. The chest");
    await count(page, ".line").toBe(2);
    expect(await page.locator(".line").first().textContent()).toBe(finals[0]);
    for (let turn = 0; turn < 6; turn++) say(" and the words in order of the chest");
    const height = () => page.evaluate<number>("document.getElementById('captions').clientHeight");
    await expect.poll(height, POLL).toBeGreaterThan(50);
    expect(await height()).toBeLessThanOrEqual(Math.ceil(2 * 1.35 * 40));
    await count(page, ".line").toBe(0);
    say(". The end. ");
    await expect
      .poll(
        () =>
          page
            .locator(".line")
            .last()
            .textContent()
            .catch(() => ""),
        POLL,
      )
      .not.toBe("");
  });
});
