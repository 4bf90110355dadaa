// Caption outputs of a running server: a session joins one by name; events, WebSockets, HLS and YouTube get what it says.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { standInBundle } from "../../../models/stand-in-bundle.ts";
import { StandInModel } from "../../../models/stand-in-model.ts";
import { InProcessEngine } from "../../engine/in-process-engine.ts";
import { type RunningServer, startServer } from "../../main.ts";
import type { ServerSettings } from "../../settings.ts";
import { withoutSpaces } from "../lines/lines.testing.ts";
import { YoutubeDouble } from "./platform-double.testing.ts";

const POLL = { timeout: 10_000, interval: 20 };
const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function serve(outputs: string, settings: ServerSettings = {}): Promise<RunningServer> {
  const directory = mkdtempSync(join(tmpdir(), "souffleur-outputs-"));
  closers.push(() => rmSync(directory, { recursive: true }));
  const captionOutputs = join(directory, "outputs.yaml");
  writeFileSync(captionOutputs, outputs);
  const bundle = standInBundle();
  const runner = new StandInModel({ vocabularySize: bundle.tokenizer.vocabularySize });
  const server = await startServer(
    { port: 0, logLevel: "silent", captionOutputs, ...settings },
    {
      bundles: [bundle],
      startEngine: async () => new InProcessEngine({ models: [{ name: bundle.manifest.name, runner }] }),
    },
  );
  closers.push(() => server.close());
  return server;
}

/** A stream that is open, with what the server sent to it. */
async function stream(server: RunningServer, query: string) {
  const socket = new WebSocket(`${server.streamUrl}?source=en&target=de&wait=1${query}`);
  const messages: { type: string; text?: string; code?: string; field?: string }[] = [];
  socket.on("message", (data) => messages.push(JSON.parse(String(data))));
  const closed = new Promise<number>((resolve) => socket.on("close", resolve));
  await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
  closers.push(() => socket.terminate());
  const send = (message: object) => socket.send(JSON.stringify(message));
  const finals = () => messages.flatMap(({ type, text }) => (type === "final" ? [text ?? ""] : []));
  return { socket, messages, closed, send, finals };
}

/** Server-sent events as they come. */
async function events(server: RunningServer, path: string, headers: Record<string, string> = {}) {
  const gone = new AbortController();
  closers.push(() => gone.abort());
  const response = await fetch(`${server.url}v1/captions/${path}`, { headers, signal: gone.signal });
  const seen: { type: string; id: number; lines: string[] }[] = [];
  const raw = { text: "" };
  const read = async (): Promise<void> => {
    for await (const chunk of response.body ?? []) {
      raw.text += Buffer.from(chunk).toString("utf8");
      for (let end = raw.text.indexOf("\n\n"); end >= 0; end = raw.text.indexOf("\n\n")) {
        const block = raw.text.slice(0, end);
        raw.text = raw.text.slice(end + 2);
        const [, id, data] = /^event: \w+\nid: (\d+)\ndata: (.*)$/.exec(block) ?? [];
        if (data !== undefined) seen.push({ ...JSON.parse(data), id: Number(id) });
      }
    }
  };
  void read().catch(() => {});
  return { response, seen, leave: () => gone.abort() };
}

const captionsIn = (seen: readonly { type: string; lines: string[] }[]) =>
  withoutSpaces(seen.flatMap(({ type, lines }) => (type === "caption" ? lines : [])).join(""));

describe.each(["uws", "ws"] as const)("caption outputs over %s", (transport) => {
  it("send a session's words to everyone who watches, and to the platforms", async () => {
    const youtube = new YoutubeDouble();
    closers.push(() => youtube.close());
    const server = await serve(
      `outputs:
  stage:
    style: bbc-live
    targets: [de]
    sinks:
      - { type: hls, segmentSeconds: 1, windowSegments: 20 }
      - { type: youtube, target: de, url: "${await youtube.url()}", allowPrivate: true }
`,
      { transport },
    );
    const early = await events(server, "stage/events?target=de");
    expect(early.response.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    const other = await events(server, "stage/events?target=fr");
    const frames: { type: string; lines: string[]; id: number }[] = [];
    const socket = new WebSocket(`${server.streamUrl.replace("/v1/stream", "")}/v1/captions/stage/socket`);
    socket.on("message", (data) => frames.push(JSON.parse(String(data))));
    await new Promise((resolve) => socket.once("open", resolve));
    closers.push(() => socket.terminate());

    const speaker = await stream(server, "&captions=stage");
    speaker.send({ type: "text", text: "The words in order. The chest and the words. " });
    speaker.send({ type: "end" });
    expect(await speaker.closed).toBe(1000);
    const said = withoutSpaces(speaker.finals().join(""));
    expect(said.length).toBeGreaterThan(10);

    await expect.poll(() => captionsIn(early.seen), POLL).toBe(said);
    await expect.poll(() => captionsIn(frames), POLL).toBe(said);
    await expect
      .poll(
        () => withoutSpaces(youtube.taken.map(({ body }) => body.split("\n")[1].replaceAll("<br>", "")).join("")),
        POLL,
      )
      .toBe(said);
    expect(other.seen).toEqual([]);
    expect(early.seen.some(({ type }) => type === "screen")).toBe(true);

    const hls = `${server.url}v1/captions/stage/hls/de/`;
    const segments = async () => {
      const playlist = await (await fetch(`${hls}playlist.m3u8`)).text();
      const names = playlist.match(/^\d+\.vtt$/gm) ?? [];
      return Promise.all(names.map(async (name) => (await fetch(hls + name)).text()));
    };
    const cueText = async () => {
      const cues = (await segments()).flatMap((text) =>
        text
          .split("\n\n")
          .slice(1)
          .map((cue) => cue.trim()),
      );
      return withoutSpaces([...new Set(cues)].map((cue) => cue.split("\n").slice(1).join("")).join(""));
    };
    await expect
      .poll(cueText, POLL)
      .toBe(said.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;"));

    // Who comes late sees the screen; who comes again gets what it missed.
    const late = await events(server, "stage/events");
    await expect.poll(() => late.seen.map(({ type }) => type), POLL).toEqual(["screen"]);
    const [first] = early.seen.filter(({ type }) => type === "caption");
    const again = await events(server, "stage/events", { "last-event-id": String(first.id) });
    const missed = early.seen.filter(({ type, id }) => type === "caption" && id > first.id);
    await expect
      .poll(() => again.seen.filter(({ type }) => type === "caption").map(({ id }) => id), POLL)
      .toEqual(missed.map(({ id }) => id));

    const metrics = await (await fetch(server.metricsUrl)).text();
    expect(metrics).toMatch(/souffleur_caption_posts_total\{sink="youtube",status="sent"\} [1-9]/);
    expect(metrics).toMatch(/souffleur_caption_posts_total\{sink="websocket",status="sent"\} [1-9]/);
  });

  it("have one publisher at a time, and are free again when it has left, however it left", async () => {
    const server = await serve("outputs: { stage: {} }", { transport });
    const first = await stream(server, "&captions=stage");
    await expect.poll(() => first.messages.at(-1)?.type, POLL).toBe("ready");
    const second = await stream(server, "&captions=stage");
    expect(await second.closed).toBe(1008);
    expect(second.messages).toMatchObject([{ type: "error", code: "bad_request", field: "captions", fatal: true }]);
    const watching = await events(server, "stage/events");
    first.send({ type: "text", text: "The words in order" });
    await expect.poll(() => first.messages.some(({ type }) => type === "delta"), POLL).toBe(true);
    first.socket.terminate();
    // Words that waited for their sentence's end are shown when their speaker is gone.
    await expect.poll(() => watching.seen.some(({ type }) => type === "caption"), POLL).toBe(true);
    const third = await stream(server, "&captions=stage");
    await expect.poll(() => third.messages.at(-1)?.type, POLL).toBe("ready");
    const unknown = await stream(server, "&captions=elsewhere");
    expect(await unknown.closed).toBe(1008);
    expect(unknown.messages[0]).toMatchObject({ code: "bad_request", field: "captions" });
  });

  it("are not there where there are none, and end with the server", async () => {
    const server = await serve("outputs: { stage: { targets: [de], sinks: [{ type: hls }] } }", { transport });
    const status = async (path: string) => (await fetch(`${server.url}v1/captions/${path}`)).status;
    expect(await status("elsewhere/events")).toBe(404);
    expect(await status("stage/nothing")).toBe(404);
    expect(await status("stage/socket")).toBe(426);
    expect(await status("stage/hls/de/playlist.m3u8")).toBe(200);
    expect(await status("stage/hls/fr/playlist.m3u8")).toBe(404);
    expect(await status("stage/hls/de/0.vtt")).toBe(404);
    expect(await status("stage/hls/..%2f/0.vtt")).toBe(404);
    const lost = new WebSocket(`${server.streamUrl.replace("/v1/stream", "")}/v1/captions/elsewhere/socket`);
    expect(await new Promise((resolve) => lost.once("close", resolve))).toBe(1008);
    const watching = await events(server, "stage/events");
    const reading = new WebSocket(`${server.streamUrl.replace("/v1/stream", "")}/v1/captions/stage/socket`);
    await new Promise((resolve) => reading.once("open", resolve));
    const ended = new Promise((resolve) => reading.once("close", resolve));
    await server.close();
    await ended;
    expect(watching.seen).toEqual([]);
  });
});

it("a file of outputs that cannot be used ends the start", async () => {
  await expect(serve("outputs: { stage: { style: vhs } }")).rejects.toThrow(/captionOutputs: .*outputs\.stage\.style/);
});
