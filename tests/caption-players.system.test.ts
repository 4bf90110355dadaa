// Captions where people see them: HLS segments played by hls.js beside a video, and the overlay page; both in Chromium.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import type { RunningServer } from "../server/main.ts";
import { PACKAGE_ROOT } from "../server/settings.ts";
import { startStandInServer } from "./stand-in-server.ts";

const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const POLL = { timeout: 25_000, interval: 50 };
const closers: (() => unknown)[] = [];

async function serve(outputs: string, port = 0, transport: "auto" | "ws" = "auto"): Promise<RunningServer> {
  const directory = mkdtempSync(join(tmpdir(), "souffleur-players-"));
  closers.push(() => rmSync(directory, { recursive: true }));
  const captionOutputs = join(directory, "outputs.yaml");
  writeFileSync(captionOutputs, outputs);
  const server = await startStandInServer({ captionOutputs, port, transport });
  closers.push(() => server.close());
  return server;
}

interface Seen {
  type: string;
  lines: string[];
  start: number;
  end: number;
}

/** A speaker, and what a plain WebSocket of captions sees of them. */
async function speak(server: RunningServer) {
  const base = server.streamUrl.replace("/v1/stream", "");
  const seen: Seen[] = [];
  const watching = new WebSocket(`${base}/v1/captions/stage/socket`);
  watching.on("message", (data) => seen.push(JSON.parse(String(data))));
  await new Promise((resolve) => watching.once("open", resolve));
  const socket = new WebSocket(`${server.streamUrl}?source=en&target=de&wait=1&captions=stage`);
  await new Promise((resolve) => socket.once("message", resolve));
  closers.push(
    () => watching.terminate(),
    () => socket.terminate(),
  );
  const say = (text: string) => socket.send(JSON.stringify({ type: "text", text }));
  const captions = () => seen.filter(({ type }) => type === "caption");
  const screen = () => seen.findLast(({ type }) => type === "screen")?.lines ?? [];
  return { say, captions, screen, stop: () => socket.close() };
}

/** The video beside the captions: a live playlist of a file, its segments as byte ranges, told by the clock. */
const SEGMENT_MS = 2_000;
const playlistFile = readFileSync(join(PACKAGE_ROOT, "tests", "fixtures", "black.m3u8"), "utf8");
const video = readFileSync(join(PACKAGE_ROOT, "tests", "fixtures", "black.mp4"));
const ranges = playlistFile.match(/#EXT-X-BYTERANGE:\S+/g) ?? [];

function videoPlaylist(startAt: number): string {
  const ended = Math.min(ranges.length, Math.floor((Date.now() - startAt) / SEGMENT_MS));
  const first = Math.max(0, ended - 10);
  const segments = ranges.slice(first, ended).map((range, index) => {
    const at = new Date(startAt + (first + index) * SEGMENT_MS).toISOString();
    return `#EXT-X-PROGRAM-DATE-TIME:${at}\n#EXTINF:2.000000,\n${range}\nblack.mp4`;
  });
  const map = /#EXT-X-MAP:.*/.exec(playlistFile)?.[0];
  const head = `#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:${first}\n${map}\n`;
  return `${head}${segments.join("\n")}\n`;
}

async function serveVideo(startAt: number, captionsUrl: string): Promise<string> {
  const master = `#EXTM3U\n#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="captions",NAME="Deutsch",LANGUAGE="de",AUTOSELECT=YES,DEFAULT=YES,URI="${captionsUrl}"\n#EXT-X-STREAM-INF:BANDWIDTH=10000,CODECS="avc1.42c00a",SUBTITLES="captions"\nvideo.m3u8\n`;
  const page = `<!doctype html><video muted></video><script src="/hls.js"></script><script>
    const video = document.querySelector("video");
    const hls = new Hls({ liveSyncDurationCount: 2 });
    hls.loadSource("/master.m3u8");
    hls.attachMedia(video);
    hls.on(Hls.Events.SUBTITLE_TRACKS_UPDATED, () => { hls.subtitleTrack = 0; });
    hls.on(Hls.Events.MANIFEST_PARSED, () => video.play());
    window.cues = () => [...video.textTracks].flatMap((track) => [...(track.cues ?? [])]).map((cue) => ({
      text: cue.text,
      start: hls.playingDate === null ? 0 : hls.playingDate.getTime() + (cue.startTime - video.currentTime) * 1000,
      seconds: cue.endTime - cue.startTime,
    }));
  </script>`;
  const files: Record<string, () => [string, string | Buffer]> = {
    "/": () => ["text/html", page],
    "/hls.js": () => ["text/javascript", readFileSync(join(PACKAGE_ROOT, "node_modules/hls.js/dist/hls.min.js"))],
    "/master.m3u8": () => ["application/vnd.apple.mpegurl", master],
    "/video.m3u8": () => ["application/vnd.apple.mpegurl", videoPlaylist(startAt)],
  };
  const server = createServer((request, response) => {
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "") ?? [];
    if (request.url === "/black.mp4" && from !== undefined) {
      const range = `bytes ${from}-${to}/${video.byteLength}`;
      response.writeHead(206, { "content-type": "video/mp4", "content-range": range });
      response.end(video.subarray(Number(from), Number(to) + 1));
      return;
    }
    const [type, body] = files[request.url ?? ""]?.() ?? [];
    response.writeHead(body === undefined ? 404 : 200, { "content-type": type ?? "text/plain" }).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

describe.skipIf(!existsSync(CHROMIUM))("captions in Chromium", () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
  });
  afterAll(() => browser.close());
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });

  async function visit(url: string): Promise<Page> {
    const context = await browser.newContext({ viewport: { width: 1280, height: 720 } });
    closers.push(() => context.close());
    const page = await context.newPage();
    await page.goto(url);
    return page;
  }

  it("are played by hls.js beside a live video, each once, at its time", async () => {
    const startAt = Math.floor(Date.now() / 1000) * 1000 - 16_000;
    const server = await serve(`outputs:
  stage:
    style: netflix
    targets: [de]
    sinks: [{ type: hls, segmentSeconds: 2, mpegTs: 0, startAt: "${new Date(startAt).toISOString()}" }]
`);
    const page = await visit(await serveVideo(startAt, `${server.url}v1/captions/stage/hls/de/playlist.m3u8`));
    const { say, captions } = await speak(server);
    say("The words in order. The chest and the words. ");
    say("Mr. Stone and the chest. ");
    await expect.poll(() => captions().length, POLL).toBeGreaterThanOrEqual(3);
    const said = captions().map(({ lines }) => lines.join("\n"));
    const cues = () => page.evaluate<{ text: string; start: number; seconds: number }[]>("cues()");
    await expect.poll(async () => (await cues()).map(({ text }) => text), POLL).toEqual(said);
    // A cue that is longer than a segment was in several of them, and is there once.
    expect(captions().some(({ start, end }) => Math.floor(start / 2_000) !== Math.floor(end / 2_000))).toBe(true);
    const playing = () => page.evaluate<number>("video.currentTime");
    const before = await playing();
    await expect.poll(playing, POLL).toBeGreaterThan(before);
    for (const [index, { start, seconds }] of (await cues()).entries()) {
      const caption = captions()[index];
      expect(Math.abs(start - caption.start)).toBeLessThan(250);
      expect(seconds).toBeCloseTo((caption.end - caption.start) / 1000, 1);
    }
  });

  it("are laid over a picture by the overlay page, which looks as its address says", async () => {
    const outputs = "outputs: { stage: { style: bbc-live } }";
    const server = await serve(outputs, 0, "ws");
    const looks = "size=40&color=ffff00&background=transparent&align=left&position=top&safe=10&rows=1&hold=0";
    const [page, plain] = await Promise.all([
      visit(`${server.url}overlay?output=stage&target=de&${looks}`),
      visit(`${server.url}overlay?output=stage`),
    ]);
    const first = await speak(server);
    first.say("The words in order. The chest and the words, the words and the chest. ");
    const lines = (of: Page) =>
      of.evaluate<string[]>("[...document.querySelectorAll('.line')].map((l) => l.textContent)");
    await expect.poll(() => first.screen().length, POLL).toBe(2);
    await expect.poll(() => lines(plain), POLL).toEqual(first.screen());
    await expect.poll(() => lines(page), POLL).toEqual(first.screen().slice(-1));
    const style = (of: Page, selector: string, name: string) =>
      of.evaluate<string>(`getComputedStyle(document.querySelector("${selector}")).getPropertyValue("${name}")`);
    expect(await style(page, ".line", "color")).toBe("rgb(255, 255, 0)");
    expect(await style(page, ".line", "font-size")).toBe("40px");
    expect(await style(page, ".line", "background-color")).toBe("rgba(0, 0, 0, 0)");
    for (const of of [page, plain]) expect(await style(of, "body", "background-color")).toBe("rgba(0, 0, 0, 0)");
    const box = await page.locator(".line").boundingBox();
    expect([box?.x, box?.y]).toEqual([128, 72]);
    const last = await plain.locator(".line").last().boundingBox();
    expect(Math.round((last?.y ?? 0) + (last?.height ?? 0))).toBe(720 - 36);
    expect(Math.abs((last?.x ?? 0) + (last?.width ?? 0) / 2 - 640)).toBeLessThan(2);

    // The server goes and comes back: so does the page.
    first.stop();
    await server.close();
    const second = await speak(await serve(outputs, server.port, "ws"));
    const shows = async (): Promise<boolean> => {
      second.say("The chest. ");
      const shown = (await lines(page)).join();
      return shown !== "" && shown === second.screen().at(-1);
    };
    await expect.poll(shows, { ...POLL, interval: 500 }).toBe(true);
    expect((await lines(page)).length).toBe(1);
  });
});
