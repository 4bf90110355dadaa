// Everything goes wrong at once around hundreds of sessions with distinct texts: each gets its own translation, byte for byte.
import { cpSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import WebSocket from "ws";
import { type Bundle, loadBundle } from "../models/bundle.ts";
import type { EngineThread } from "./engine/engine-thread.ts";
import { WorkerEngine } from "./engine/worker-engine.ts";
import { type RunningServer, startServer } from "./main.ts";
import { type ServerMessage, serverMessageSchema } from "./protocol/server-messages.ts";
import { type Translation, translate } from "./session/translate.ts";
import { DEFAULT_BUNDLE, PACKAGE_ROOT } from "./settings.ts";

const canRun =
  existsSync(join(DEFAULT_BUNDLE, "bundle.json")) && existsSync(join(PACKAGE_ROOT, "dist", "server", "engine"));

const WAIT = 3;
const SESSIONS = 240;
const turn = (ms = 0) => new Promise((resolve) => setTimeout(resolve, ms));

/** A text that no other session has, in two sentences. */
function textOf(index: number): string {
  const colours = ["red", "green", "blue", "white", "black", "yellow", "brown"];
  const things = ["house", "train", "garden", "window", "letter", "bridge", "river", "table", "street"];
  const acts = ["waits for", "belongs to", "looks like", "is older than", "stands behind"];
  const pick = (list: readonly string[], step: number) => list[(index * step + step) % list.length];
  return (
    `The ${pick(colours, 1)} ${pick(things, 2)} ${pick(acts, 3)} my ${pick(colours, 5)} ${pick(things, 7)} today. ` +
    `We will see number ${index + 100} on ${pick(["Monday", "Friday", "Sunday"], 1)} and talk about the ${pick(things, 4)}`
  );
}

/** A client that sends its text word by word and keeps what it is told. */
class Speaker {
  readonly messages: ServerMessage[] = [];
  readonly closed: Promise<number>;
  readonly text: string;
  readonly #socket: WebSocket;
  #left: string[];

  constructor(server: RunningServer, text: string) {
    this.text = text;
    this.#left = text.split(/(?<= )/);
    const url = server.streamUrl.replace("localhost", "127.0.0.1");
    this.#socket = new WebSocket(`${url}?source=en&target=de&wait=${WAIT}`, "souffleur.v1");
    this.#socket.on("message", (data) => this.messages.push(serverMessageSchema.parse(JSON.parse(String(data)))));
    this.closed = new Promise((resolve) => {
      this.#socket.on("close", resolve);
      this.#socket.on("error", () => undefined);
    });
  }

  get ready(): boolean {
    return this.messages[0]?.type === "ready";
  }

  get model(): string {
    const [first] = this.messages;
    return first?.type === "ready" ? String(first.model) : "";
  }

  /** Sends the next word; false when there is none. */
  speak(): boolean {
    const word = this.#left.shift();
    if (word !== undefined) this.send({ type: "text", text: word });
    return word !== undefined;
  }

  send(message: unknown): void {
    this.#socket.send(JSON.stringify(message));
  }

  terminate(): void {
    this.#socket.terminate();
  }

  /** Checks that deltas are only ever appended to, and gives the finals. */
  finals(): Translation["segments"] {
    const finals: Translation["segments"] = [];
    let text = "";
    for (const message of this.messages) {
      if (message.type === "delta") text += message.text;
      if (message.type !== "final") continue;
      expect(text).toBe(message.text);
      finals.push({ source: message.source, text: message.text });
      text = "";
    }
    const numbers = this.messages.flatMap((message) => ("seq" in message ? [message.seq] : []));
    expect(numbers).toEqual(numbers.map((_, index) => index + 1));
    return finals;
  }
}

/** Kills a thread by what no engine sends: it throws where nothing catches, wherever its step loop is. */
function kill(thread: EngineThread | undefined): void {
  if (thread) Reflect.apply(thread.post, thread, [{ type: "commands" }]);
}

/** A client that shakes hands and then neither reads, answers nor leaves. */
async function openHalf(server: RunningServer): Promise<Socket> {
  const socket = connect(server.port, "127.0.0.1");
  socket.on("error", () => undefined);
  socket.write(
    "GET /v1/stream?source=en&target=de HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
  );
  await new Promise((resolve) => socket.once("data", resolve));
  socket.pause();
  return socket;
}

describe.skipIf(!canRun)("a server to which everything happens", () => {
  let folder: string;
  let original: Bundle;
  let server: RunningServer;
  const threads: EngineThread[] = [];
  const lines: string[] = [];
  const expected = new Map<string, Translation["segments"]>();

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "souffleur-faults-"));
    cpSync(DEFAULT_BUNDLE, join(folder, "bundle"), { recursive: true });
    original = await loadBundle(DEFAULT_BUNDLE);
    const offline = await WorkerEngine.start({ bundles: [original], workers: 1 });
    const texts = Array.from({ length: SESSIONS }, (_, index) => textOf(index));
    await Promise.all(
      texts.map(async (text) => {
        expected.set(text, (await translate(offline, original, text, { wait: WAIT })).segments);
      }),
    );
    await offline.close();
    expect(new Set(texts).size).toBe(SESSIONS);
    server = await startServer(
      // The shortest that uWebSockets.js knows: half-open sockets are found within it.
      { port: 0, keepAliveMs: 8_000, overloadLatencyMs: 0, bundles: [join(folder, "bundle")] },
      {
        log: pino({ level: "debug" }, { write: (line) => lines.push(line) }),
        startEngine: async (bundles, observer) => {
          const spawn = await WorkerEngine.spawner({ bundles });
          const kept = (listener: Parameters<typeof spawn>[0]) => {
            const thread = spawn(listener);
            threads.push(thread);
            return thread;
          };
          return WorkerEngine.startThreads(kept, { workers: 2, observer });
        },
      },
    );
  }, 60_000);

  afterAll(async () => {
    await server?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const metric = async (name: string): Promise<number> => {
    const page = await (await fetch(`http://127.0.0.1:${server.port}/metrics`)).text();
    return Number(new RegExp(`^${name} (\\S+)$`, "m").exec(page)?.[1]);
  };

  it("loses no word, repeats none, and mixes none up", async () => {
    const half = await Promise.all(Array.from({ length: 10 }, () => openHalf(server)));
    const halfClosed = half.map((socket) => new Promise((resolve) => socket.once("close", resolve)));
    // A socket that is not read never hears of its end: read on, but answer nothing.
    for (const socket of half) socket.resume();

    // The bundle is replaced on disk by something that is none; the workers that are killed below start from memory.
    const path = (file: string) => join(folder, "bundle", file);
    const graph = readFileSync(path("step.onnx"));
    writeFileSync(path("step.onnx"), "no graph any more");

    const first = [...expected.keys()].slice(0, SESSIONS / 2).map((text) => new Speaker(server, text));
    await vi.waitFor(() => expect(first.every((speaker) => speaker.ready)).toBe(true), { timeout: 20_000 });
    const rude = Array.from({ length: 20 }, (_, index) => new Speaker(server, textOf(index)));

    let round = 0;
    for (let speaking = true; speaking; round++) {
      speaking = first.map((speaker) => speaker.speak()).includes(true);
      // One of the two, then the other, on which the sessions of both are by then.
      if (round === 3) kill(threads[1]);
      if (round === 8) kill(threads[0]);
      if (round === 4) for (const speaker of rude) speaker.terminate();
      if (round === 6) await server.reload();
      if (round === 10) {
        // A whole new bundle under another name: from here on new streams take it.
        writeFileSync(path("step.onnx"), graph);
        const manifest = readFileSync(path("bundle.json"), "utf8");
        writeFileSync(path("next.json"), manifest.replace('"name": "en-de"', '"name": "en-de-next"'));
        renameSync(path("next.json"), path("bundle.json"));
        await server.reload();
      }
      await turn(20);
    }
    const second = [...expected.keys()].slice(SESSIONS / 2).map((text) => new Speaker(server, text));
    await vi.waitFor(() => expect(second.every((speaker) => speaker.ready)).toBe(true), { timeout: 20_000 });
    for (const speaker of first) speaker.send({ type: "end" });
    for (let speaking = true; speaking; ) {
      speaking = second.map((speaker) => speaker.speak()).includes(true);
      await turn(5);
    }
    // Killed again while the second half has a segment open each, and one of the newest while the first ones end.
    kill(threads.at(-1));
    for (const speaker of second) speaker.send({ type: "end" });
    const codes = await Promise.all([...first, ...second].map((speaker) => speaker.closed));
    expect(new Set(codes)).toEqual(new Set([1000]));
    for (const speaker of [...first, ...second]) expect(speaker.finals()).toEqual(expected.get(speaker.text));
    expect([...first, ...second].flatMap(({ messages }) => messages.filter(({ type }) => type === "error"))).toEqual(
      [],
    );
    expect(new Set(first.map(({ model }) => model))).toEqual(new Set(["en-de"]));
    expect(new Set(second.map(({ model }) => model))).toEqual(new Set(["en-de-next"]));

    const log = lines.map((line): { msg: string; openSegments?: number } => JSON.parse(line));
    const told = log.map(({ msg }) => msg);
    const downs = log.filter(({ msg }) => msg === "an inference worker is down");
    expect(downs).toHaveLength(3);
    for (const { openSegments } of downs) expect(openSegments).toBeGreaterThan(10);
    expect(told).toContain("the bundles cannot be used: what was served is served on");
    expect(told).toContain("the bundles were read again");
    await Promise.all(halfClosed);
    await vi.waitFor(async () => expect(await metric("souffleur_sessions")).toBe(0), { timeout: 20_000 });
  }, 90_000);

  it("takes a thousand reconnects at once, and serves on", async () => {
    let speakers = Array.from({ length: 500 }, (_, index) => new Speaker(server, textOf(index % SESSIONS)));
    await vi.waitFor(() => expect(speakers.every((speaker) => speaker.ready)).toBe(true), { timeout: 20_000 });
    for (let time = 0; time < 2; time++) {
      for (const speaker of speakers) speaker.speak();
      for (const speaker of speakers) speaker.terminate();
      speakers = speakers.map(({ text }) => new Speaker(server, text));
      await vi.waitFor(() => expect(speakers.every((speaker) => speaker.ready)).toBe(true), { timeout: 20_000 });
    }
    await vi.waitFor(async () => expect(await metric("souffleur_sessions")).toBe(500), { timeout: 20_000 });
    const [one, ...others] = speakers;
    for (const speaker of others) speaker.terminate();
    while (one.speak());
    one.send({ type: "end" });
    expect(await one.closed).toBe(1000);
    expect(one.finals()).toEqual(expected.get(one.text));
    await vi.waitFor(async () => expect(await metric("souffleur_sessions")).toBe(0), { timeout: 20_000 });
  }, 90_000);

  it("drains under load: every final is sent, no new stream is taken", async () => {
    const speakers = [...expected.keys()].slice(0, 100).map((text) => new Speaker(server, text));
    await vi.waitFor(() => expect(speakers.every((speaker) => speaker.ready)).toBe(true), { timeout: 20_000 });
    for (const speaker of speakers) while (speaker.speak());
    for (const speaker of speakers) speaker.send({ type: "ping" });
    // What was sent before the signal has arrived: the pongs say so.
    const ponged = () => speakers.every(({ messages }) => messages.some(({ type }) => type === "pong"));
    await vi.waitFor(() => expect(ponged()).toBe(true), { timeout: 20_000 });
    const closed = server.close();
    const late = new Speaker(server, "too late");
    expect(await late.closed).toBe(1001);
    expect(new Set(await Promise.all(speakers.map((speaker) => speaker.closed)))).toEqual(new Set([1001]));
    await closed;
    for (const speaker of speakers) {
      expect(speaker.finals()).toEqual(expected.get(speaker.text));
      expect(speaker.messages.at(-1)).toMatchObject({ type: "error", code: "shutting_down" });
    }
    expect(lines.some((line) => line.includes("closed before their segments were finished"))).toBe(false);
  }, 60_000);
});
