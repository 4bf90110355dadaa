// The whole server over real sockets, with both transports: a stand-in model where what is tested is the server, the
// shipped bundle where it is the translation.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { pino } from "pino";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import WebSocket from "ws";
import { standInBundle } from "../models/stand-in-bundle.ts";
import { StandInModel } from "../models/stand-in-model.ts";
import type { StepRow } from "../models/step-runner.ts";
import { InProcessEngine } from "./engine/in-process-engine.ts";
import { type RunningServer, startServer } from "./main.ts";
import { PAYLOAD_MAX_BYTES } from "./protocol/limits.ts";
import { type ServerMessage, serverMessageSchema } from "./protocol/server-messages.ts";
import { translateResponseSchema } from "./protocol/translate-request.ts";
import { DEFAULT_BUNDLE, PACKAGE_ROOT, type ServerSettings } from "./settings.ts";
import { loadUws } from "./transport/choose-transport.ts";

const uwsLoads = await loadUws().then(
  () => true,
  () => false,
);
const bundleIsHere = existsSync(join(DEFAULT_BUNDLE, "bundle.json"));
const isBuilt = existsSync(join(PACKAGE_ROOT, "dist", "cli", "main.js"));
const TRANSPORTS = ["ws", "uws"] as const;

const bundle = standInBundle();

/** A stand-in that can be made to wait before each step, or to fail. */
class HeldModel extends StandInModel {
  gate: Promise<void> = Promise.resolve();

  override async run(rows: readonly StepRow[]) {
    await this.gate;
    return super.run(rows);
  }
}

/** A client that keeps what it is sent. */
class Client {
  readonly messages: ServerMessage[] = [];
  readonly closed: Promise<{ code: number; reason: string }>;
  readonly #socket: WebSocket;
  #onMessage: () => void = () => {};

  constructor(server: RunningServer, query = "") {
    this.#socket = new WebSocket(`${server.streamUrl.replace("localhost", "127.0.0.1")}?${query}`, "souffleur.v1");
    this.#socket.on("message", (data) => {
      this.messages.push(serverMessageSchema.parse(JSON.parse(String(data))));
      this.#onMessage();
    });
    this.closed = new Promise((resolve, reject) => {
      this.#socket.on("close", (code, reason) => resolve({ code, reason: String(reason) }));
      this.#socket.on("error", reject);
    });
  }

  async opened(): Promise<this> {
    if (this.#socket.readyState !== WebSocket.OPEN) await once(this.#socket, "open");
    return this;
  }

  send(message: unknown): void {
    this.#socket.send(typeof message === "string" || message instanceof Uint8Array ? message : JSON.stringify(message));
  }

  terminate(): void {
    this.#socket.terminate();
  }

  of<T extends ServerMessage["type"]>(type: T): Extract<ServerMessage, { type: T }>[] {
    return this.messages.filter((message): message is Extract<ServerMessage, { type: T }> => message.type === type);
  }

  /** Resolves once so many messages of a type are here. */
  async have(type: ServerMessage["type"], count = 1): Promise<void> {
    while (this.of(type).length < count) {
      await new Promise<void>((resolve) => {
        this.#onMessage = resolve;
      });
    }
  }
}

/** Every final is its deltas, and `seq` counts without gaps. */
function checkStream(client: Client): void {
  for (const final of client.of("final")) {
    const deltas = client.of("delta").filter((delta) => delta.segment === final.segment);
    expect(deltas.map((delta) => delta.text).join("")).toBe(final.text);
  }
  const counted = client.messages.flatMap((message) => ("seq" in message ? [message.seq] : []));
  expect(counted).toEqual(counted.map((_, index) => index + 1));
}

const log = pino({ level: "silent" });
let server: RunningServer;
let model: HeldModel;

async function start(transport: "ws" | "uws", settings: ServerSettings = {}, served = bundle): Promise<void> {
  model = new HeldModel({ vocabularySize: bundle.tokenizer.vocabularySize });
  server = await startServer(
    { port: 0, transport, ...settings },
    {
      log,
      bundles: [served],
      startEngine: async (_bundles, observer) =>
        new InProcessEngine({ models: [{ name: "stand-in", runner: model }], observer }),
    },
  );
}

const PAIR = "source=en&target=de";

describe.each(TRANSPORTS)("server over %s", (transport) => {
  const test = it.skipIf(transport === "uws" && !uwsLoads);
  afterEach(() => server?.close());

  test("serves a bare client that only sends text", async () => {
    await start(transport);
    const client = await new Client(server, `${PAIR}&wait=2&timings=true`).opened();
    await client.have("ready");
    client.send({ type: "text", text: "the words and the end. the" });
    client.send({ type: "text", text: " rest" });
    client.send({ type: "ping", id: 1 });
    client.send({ type: "end" });
    expect(await client.closed).toMatchObject({ code: 1000 });
    expect(client.of("ready")[0]).toMatchObject({ model: "stand-in", wait: 2, protocol: "souffleur.v1" });
    expect(client.of("pong")).toEqual([{ type: "pong", id: 1 }]);
    expect(client.of("final").map((final) => final.source)).toEqual(["the words and the end.", "the rest"]);
    expect(client.of("done")).toMatchObject([{ segments: 2, words: 7 }]);
    expect(client.of("delta").every((delta) => delta.latency !== undefined)).toBe(true);
    checkStream(client);
  });

  test("gives the same text however it is cut and whoever else speaks", async () => {
    await start(transport);
    const text = "the order and the word, and then a long end. one more word in it";
    const results = await Promise.all(
      [1, 2, 5, 13, 1000].map(async (size) => {
        const client = await new Client(server, PAIR).opened();
        for (let at = 0; at < text.length; at += size) client.send({ type: "text", text: text.slice(at, at + size) });
        client.send({ type: "end" });
        await client.closed;
        checkStream(client);
        return client.of("final").map((final) => [final.source, final.text]);
      }),
    );
    for (const result of results) expect(result).toEqual(results[0]);
    const response = await post({ source: "en", target: "de", text: [text], wait: 3 });
    expect(await textOf(response)).toEqual([
      results[0]
        .map(([, written]) => written)
        .filter((written) => written !== "")
        .join(" "),
    ]);
  });

  test("says tentatively what would follow, and for the rest what it says without", async () => {
    await start(transport);
    const [tentative, plain] = await Promise.all(
      ["&tentative=true", ""].map(async (more) => {
        const client = await new Client(server, `${PAIR}&wait=3${more}`).opened();
        for (const word of ["the ", "order ", "and ", "the ", "word "]) {
          client.send({ type: "text", text: word });
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
        if (more !== "") await client.have("tentative");
        client.send({ type: "end" });
        await client.closed;
        checkStream(client);
        return client;
      }),
    );
    const text = (client: Client) =>
      client
        .of("delta")
        .map((delta) => delta.text)
        .join("");
    expect(text(tentative)).toBe(text(plain));
    expect(tentative.of("final").map(({ text, seq }) => [text, seq > 0])).toEqual(
      plain.of("final").map(({ text, seq }) => [text, seq > 0]),
    );
    expect(plain.of("tentative")).toEqual([]);
  });

  test("serves each language of a model that writes several", async () => {
    const several = { target: ["de", "fr"], tags: { target: { de: 13, fr: 14 } as const } };
    await start(transport, {}, { ...bundle, manifest: { ...bundle.manifest, ...several } });
    const finals = await Promise.all(
      ["de", "fr"].map(async (target) => {
        const client = await new Client(server, `source=en&target=${target}`).opened();
        client.send({ type: "text", text: "the words and the end" });
        client.send({ type: "end" });
        await client.closed;
        checkStream(client);
        expect(client.of("ready")[0]).toMatchObject({ model: "stand-in", target, limits: { segmentTokens: 158 } });
        expect(client.of("final")[0]).toMatchObject({ target, source: "the words and the end" });
        expect(client.of("done")[0]).toMatchObject({ words: 5 });
        return client.of("final")[0].text;
      }),
    );
    expect(finals[0]).not.toBe(finals[1]);
    const both = await new Client(server, "source=en&target=de,fr").opened();
    both.send({ type: "text", text: "the words and the end" });
    both.send({ type: "end" });
    await both.closed;
    expect(both.of("ready")[0]).toMatchObject({ model: ["stand-in", "stand-in"], target: ["de", "fr"] });
    for (const [index, target] of ["de", "fr"].entries()) {
      const own = both.of("final").filter((final) => final.target === target);
      expect(own.map(({ text }) => text)).toEqual([finals[index]]);
    }
    expect(both.of("done")).toMatchObject([{ segments: 1, words: 5 }]);
    const answer = await post({ source: "en", target: "fr", text: "the words and the end", wait: 3 });
    expect(await textOf(answer)).toBe(finals[1]);
    const other = new Client(server, "source=en&target=it");
    expect(await other.closed).toMatchObject({ code: 1008 });
    const message = "this pair is not served here; served: en to de, en to fr";
    expect(other.of("error")).toMatchObject([{ code: "unsupported_pair", field: "target", message }]);
  });

  test("tells of every kind of bad input, and goes on", async () => {
    await start(transport);
    const client = await new Client(server).opened();
    client.send({ type: "text", text: "too early" });
    client.send({ type: "start", source: "en", target: ["de", "de"] });
    client.send({ type: "start", source: "en", target: "de", wait: 0 });
    client.send({ type: "start", source: "en", target: "de", glossary: [{ source: "a", target: "b" }] });
    client.send({ type: "start", source: "en", target: "de" });
    client.send("no json");
    client.send(new Uint8Array([1, 2, 3]));
    client.send({ type: "revise", text: "a", stable: 2 });
    client.send({ type: "sing" });
    client.send({ type: "text", text: "a", extra: 1 });
    client.send({ type: "start", source: "en", target: "de" });
    client.send({ type: "text", text: "the word" });
    client.send({ type: "end" });
    expect((await client.closed).code).toBe(1000);
    expect(client.of("error").map(({ code, field, fatal }) => [code, field, fatal])).toEqual([
      ["bad_request", "type", false],
      ["bad_request", "target", false],
      ["bad_request", "wait", false],
      ["bad_request", "glossary", false],
      ["bad_message", undefined, false],
      ["bad_message", undefined, false],
      ["bad_message", "stable", false],
      ["bad_message", "type", false],
      ["bad_message", "extra", false],
      ["bad_request", "type", false],
    ]);
    expect(client.of("final")).toHaveLength(1);
  });

  test("closes on what cannot go on, and disturbs nobody else", async () => {
    await start(transport);
    const good = await new Client(server, PAIR).opened();
    good.send({ type: "text", text: "the word and " });
    const large = await new Client(server, PAIR).opened();
    large.send({ type: "text", text: "x".repeat(PAYLOAD_MAX_BYTES) });
    expect(await large.closed).toEqual({ code: 1009, reason: "too_large" });
    expect(large.of("error")).toMatchObject([{ code: "too_large", fatal: true }]);
    const pair = new Client(server, "source=en&target=xx");
    expect(await pair.closed).toEqual({ code: 1008, reason: "unsupported_pair" });
    const query = new Client(server, `${PAIR}&wait=none`);
    expect(await query.closed).toEqual({ code: 1008, reason: "bad_request" });
    expect(query.of("error")).toMatchObject([{ field: "wait", fatal: true }]);
    const gone = await new Client(server, PAIR).opened();
    gone.send({ type: "text", text: "a word" });
    gone.terminate();
    good.send({ type: "text", text: "the end" });
    good.send({ type: "end" });
    expect((await good.closed).code).toBe(1000);
    checkStream(good);
    expect(good.of("final")[0].source).toBe("the word and the end");
  });

  test("refuses streams past its limit", async () => {
    await start(transport, { maxSessions: 1 });
    const first = await new Client(server, PAIR).opened();
    await first.have("ready");
    const second = new Client(server, PAIR);
    expect((await second.closed).code).toBe(1013);
    expect(second.of("error")).toMatchObject([{ code: "overloaded", retryAfter: 5 }]);
    first.send({ type: "end" });
    await first.closed;
    const third = await new Client(server, PAIR).opened();
    await third.have("ready");
  });

  test("knows no time of day: the clock may jump either way", async () => {
    await start(transport, { idleTimeoutMs: 60_000 });
    const client = await new Client(server, `${PAIR}&timings=true`).opened();
    vi.useFakeTimers({ toFake: ["Date"] });
    try {
      for (const days of [2, -3]) {
        vi.setSystemTime(Date.now() + days * 86_400_000);
        client.send({ type: "text", text: "the word and the end. " });
        await client.have("final", days > 0 ? 1 : 2);
        await new Promise((resolve) => setImmediate(resolve));
      }
      client.send({ type: "end" });
      expect((await client.closed).code).toBe(1000);
    } finally {
      vi.useRealTimers();
    }
    checkStream(client);
    const times = [...client.of("delta").map(({ latency }) => latency), client.of("done")[0].duration];
    for (const ms of times) expect(ms).toSatisfy((value: number) => value >= 0 && value < 60_000);
  });

  test("closes idle streams", async () => {
    await start(transport, { idleTimeoutMs: 40 });
    const client = new Client(server, PAIR);
    expect(await client.closed).toEqual({ code: 1008, reason: "idle_timeout" });
  });

  test("drains: finishes open segments, sends their finals, closes 1001, refuses new streams", async () => {
    await start(transport);
    let release = () => {};
    model.gate = new Promise((resolve) => {
      release = resolve;
    });
    const client = await new Client(server, PAIR).opened();
    const idle = await new Client(server, PAIR).opened();
    await idle.have("ready");
    client.send({ type: "text", text: "the word and the open end" });
    client.send({ type: "ping" });
    await client.have("pong");
    const closed = server.close();
    expect(await idle.closed).toEqual({ code: 1001, reason: "shutting_down" });
    expect((await http("/readyz")).status).toBe(503);
    expect((await http("/livez")).status).toBe(200);
    expect((await post({ source: "en", target: "de", text: "a" })).status).toBe(503);
    const late = new Client(server, PAIR);
    expect((await late.closed).code).toBe(1001);
    release();
    expect(await client.closed).toEqual({ code: 1001, reason: "shutting_down" });
    expect(client.of("final").map((final) => final.source)).toEqual(["the word and the open end"]);
    checkStream(client);
    await closed;
    await expect(http("/livez")).rejects.toThrow();
  });

  test("stops in time even where a segment does not finish", async () => {
    await start(transport, { drainTimeoutMs: 50 });
    let release = () => {};
    model.gate = new Promise((resolve) => {
      release = resolve;
    });
    const client = await new Client(server, PAIR).opened();
    client.send({ type: "text", text: "the word" });
    client.send({ type: "ping" });
    await client.have("pong");
    const closed = server.close();
    expect((await client.closed).code).toBe(1001);
    release();
    await closed;
  });

  test("serves HTTP beside the streams", async () => {
    await start(transport);
    expect((await http("/readyz")).status).toBe(200);
    expect(await (await http("/v1/models")).json()).toMatchObject({
      models: [{ name: "stand-in", source: "en", target: "de", wait: { default: 3 } }],
    });
    const client = await new Client(server, PAIR).opened();
    client.send({ type: "text", text: "the word and the end." });
    client.send({ type: "commit" });
    await client.have("final");
    const metrics = await (await http("/metrics")).text();
    expect(metrics).toContain("souffleur_sessions 1\n");
    expect(metrics).toContain('souffleur_source_words_total{pair="en-de"} 5');
    expect(metrics).toContain(`souffleur_engine_info{model="stand-in"`);
    expect((await http("/v1/stream")).status).toBe(426);
    expect((await http("/nothing")).status).toBe(404);
    expect((await http("/livez", { method: "DELETE" })).status).toBe(405);
    const wrong = await post({ source: "en", target: "de", text: "a", wait: 0 });
    expect(wrong.status).toBe(400);
    expect(await wrong.json()).toMatchObject({ error: { code: "bad_request", field: "wait" } });
    const page = await http("/");
    expect(page.headers.get("content-security-policy")).toContain("default-src 'self'");
  });
});

function http(path: string, options: RequestInit = {}): Promise<Response> {
  return fetch(`http://127.0.0.1:${server.port}${path}`, options);
}

function post(body: unknown): Promise<Response> {
  const headers = { "content-type": "application/json" };
  return http("/v1/translate", { method: "POST", headers, body: JSON.stringify(body) });
}

async function textOf(response: Response): Promise<string | string[]> {
  return translateResponseSchema.parse(await response.json()).text;
}

describe.skipIf(!bundleIsHere || !isBuilt)("the shipped bundle", () => {
  beforeAll(async () => {
    server = await startServer({ port: 0, workers: 1 }, { log });
  });
  afterAll(() => server.close());

  it("translates a stream as it translates a text", async () => {
    const text = "Good morning. The train is late today, so we will walk.";
    const client = await new Client(server, `${PAIR}&wait=3`).opened();
    for (const word of text.split(" ")) client.send({ type: "text", text: `${word} ` });
    client.send({ type: "end" });
    expect((await client.closed).code).toBe(1000);
    checkStream(client);
    const streamed = client
      .of("final")
      .map((final) => final.text)
      .join(" ");
    expect(streamed.length).toBeGreaterThan(10);
    const response = await post({ source: "en", target: "de", text, wait: 3 });
    expect(await textOf(response)).toBe(streamed);
  });

  it("reads its bundles again on SIGHUP, and drains on SIGTERM with exit code 0", async () => {
    const program = join(PACKAGE_ROOT, "dist", "cli", "main.js");
    const child = spawn(process.execPath, [program, "serve", "--port", "0", "--workers", "1"]);
    let output = "";
    for await (const chunk of child.stdout) {
      output += String(chunk);
      if (output.includes("metrics")) break;
    }
    const url = /ws:\S+/.exec(output)?.[0].replace("localhost", "127.0.0.1");
    const socket = new WebSocket(`${url}?${PAIR}`);
    const frames: string[] = [];
    socket.on("message", (data) => frames.push(String(data)));
    await once(socket, "message");
    socket.send(JSON.stringify({ type: "text", text: "We are almost there" }));
    socket.send(JSON.stringify({ type: "ping" }));
    while (!frames.some((frame) => frame.includes("pong"))) await once(socket, "message");
    let errors = "";
    child.stderr.on("data", (chunk) => {
      errors += String(chunk);
    });
    child.kill("SIGHUP");
    while (!errors.includes("the bundles were read again")) await once(child.stderr, "data");
    const exited = once(child, "exit");
    child.kill("SIGTERM");
    const [code] = await once(socket, "close");
    expect(code).toBe(1001);
    expect(frames.some((frame) => frame.includes('"final"'))).toBe(true);
    expect((await exited)[0]).toBe(0);
  });
});
