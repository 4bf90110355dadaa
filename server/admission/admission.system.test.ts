// Who may come in, over real sockets: keys that change while the server runs, overload by latency, and what the log says.
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import WebSocket from "ws";
import { standInBundle } from "../../models/stand-in-bundle.ts";
import { StandInModel } from "../../models/stand-in-model.ts";
import type { StepRow } from "../../models/step-runner.ts";
import { InProcessEngine } from "../engine/in-process-engine.ts";
import { makeLog } from "../log.ts";
import { type RunningServer, startServer } from "../main.ts";
import { type ServerMessage, serverMessageSchema } from "../protocol/server-messages.ts";
import { tokenResponseSchema } from "../protocol/token-request.ts";
import type { ServerSettings } from "../settings.ts";
import { loadUws } from "../transport/choose-transport.ts";
import { makeKey, writeKeyFile } from "./api-keys.ts";

const uwsLoads = await loadUws().then(
  () => true,
  () => false,
);
const bundle = standInBundle();
const PAIR = "source=en&target=de";

/** Takes so long for each step. */
class SlowModel extends StandInModel {
  stepMs = 0;

  override async run(rows: readonly StepRow[]) {
    if (this.stepMs > 0) await new Promise((resolve) => setTimeout(resolve, this.stepMs));
    return super.run(rows);
  }
}

describe.each(["ws", "uws"] as const)("admission over %s", (transport) => {
  const test = it.skipIf(transport === "uws" && !uwsLoads);
  let folder: string;
  let keyFile: string;
  let server: RunningServer;
  let model: SlowModel;
  let log = "";
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "souffleur-admission-"));
    keyFile = join(folder, "keys.json");
    log = "";
  });
  afterEach(async () => {
    await server?.close();
    rmSync(folder, { recursive: true });
  });

  async function start(settings: ServerSettings): Promise<void> {
    model = new SlowModel({ vocabularySize: bundle.tokenizer.vocabularySize });
    server = await startServer(
      { port: 0, transport, logLevel: "trace", ...settings },
      {
        log: makeLog("trace", {
          write: (line) => {
            log += line;
          },
        }),
        bundles: [bundle],
        startEngine: async (_bundles, observer) =>
          new InProcessEngine({ models: [{ name: "stand-in", runner: model }], observer }),
      },
    );
  }

  function connect(query: string, headers: Record<string, string> = {}) {
    const socket = new WebSocket(`ws://127.0.0.1:${server.port}/v1/stream?${query}`, "souffleur.v1", { headers });
    const messages: ServerMessage[] = [];
    socket.on("message", (data) => messages.push(serverMessageSchema.parse(JSON.parse(String(data)))));
    const closed = once(socket, "close").then(([code, reason]) => `${code} ${String(reason)}`);
    const has = (type: ServerMessage["type"]) =>
      vi.waitFor(() => expect(messages.map((message) => message.type)).toContain(type), { timeout: 10_000 });
    return { socket, messages, closed, has, say: (message: unknown) => socket.send(JSON.stringify(message)) };
  }

  test("follows the key file while it runs", async () => {
    const [old, fresh] = [makeKey("old"), makeKey("fresh")];
    writeFileSync(keyFile, writeKeyFile([old.record]));
    await start({ keyFile, keyInQuery: true });
    const open = connect(PAIR, { authorization: `Bearer ${old.key}` });
    await open.has("ready");
    expect(await connect(PAIR, { authorization: `Bearer ${fresh.key}` }).closed).toBe("1008 unauthorized");
    expect(await connect(PAIR).closed).toBe("1008 unauthorized");
    writeFileSync(keyFile, "{ this is no key file");
    await vi.waitFor(() => expect(log).toContain("the key file cannot be used"), { timeout: 10_000 });
    writeFileSync(keyFile, writeKeyFile([fresh.record]));
    expect(await open.closed).toBe("1008 unauthorized");
    const after = connect(`${PAIR}&key=${fresh.key}`);
    await after.has("ready");
    const post = (authorization: string) =>
      fetch(`http://127.0.0.1:${server.port}/v1/translate`, {
        method: "POST",
        headers: { "content-type": "application/json", authorization },
        body: JSON.stringify({ source: "en", target: "de", text: "the word" }),
      }).then(({ status }) => status);
    expect([await post(`Bearer ${fresh.key}`), await post(`Bearer ${old.key}`), await post("")]).toEqual([
      200, 401, 401,
    ]);
  });

  test("gives a key's holder tokens that open streams of their languages for a while, and nothing else", async () => {
    const { key, record } = makeKey("studio");
    writeFileSync(keyFile, writeKeyFile([record]));
    await start({ keyFile });
    const ask = (credential: string, body: object) =>
      fetch(`http://127.0.0.1:${server.port}/v1/token`, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${credential}` },
        body: JSON.stringify(body),
      });
    const tokenOf = async (body: object): Promise<string> =>
      tokenResponseSchema.parse(await (await ask(key, body)).json()).token;
    const [german, french, short] = await Promise.all([
      tokenOf({ source: "en", target: ["de"] }),
      tokenOf({ target: ["fr"] }),
      tokenOf({ seconds: 1 }),
    ]);
    const brief = connect(`${PAIR}&token=${short}`);
    await brief.has("ready");
    const inQuery = connect(`${PAIR}&token=${german}`);
    await inQuery.has("ready");
    const inStart = connect("");
    await once(inStart.socket, "open");
    inStart.say({ type: "start", source: "en", target: "de", key: german });
    await inStart.has("ready");
    expect(await connect(`${PAIR}&token=${french}`).closed).toBe("1008 unauthorized");
    expect(await connect(`${PAIR}&token=${german.slice(0, -2)}AA`).closed).toBe("1008 unauthorized");
    for (const credential of [german, "nobody"]) expect((await ask(credential, {})).status).toBe(401);
    const translate = { source: "en", target: "de", text: "the word" };
    const translated = await fetch(`http://127.0.0.1:${server.port}/v1/translate`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${german}` },
      body: JSON.stringify(translate),
    });
    expect(translated.status).toBe(401);
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    expect(await connect(`${PAIR}&token=${short}`).closed).toBe("1008 unauthorized");
    // What it has opened stays, until the key behind it goes.
    expect(brief.socket.readyState).toBe(WebSocket.OPEN);
    writeFileSync(keyFile, writeKeyFile([]));
    expect(await Promise.all([brief.closed, inQuery.closed])).toEqual(Array(2).fill("1008 unauthorized"));
    for (const token of [german, french, short]) expect(log).not.toContain(token);
  });

  test("refuses new streams while words take too long, and serves those that are open", async () => {
    await start({ overloadLatencyMs: 40 });
    const open = connect(PAIR);
    await open.has("ready");
    const before = connect(PAIR);
    await before.has("ready");
    model.stepMs = 150;
    for (let word = 0; word < 8; word++) {
      open.say({ type: "text", text: "the word " });
      await new Promise((resolve) => setTimeout(resolve, 150));
    }
    const refused = connect(PAIR);
    expect(await refused.closed).toBe("1013 overloaded");
    expect(refused.messages).toMatchObject([
      { type: "error", code: "overloaded", message: "the server is late already" },
    ]);
    const [error] = refused.messages;
    expect(error.type === "error" && error.retryAfter).toBeGreaterThanOrEqual(1);
    expect((await fetch(`http://127.0.0.1:${server.port}/readyz`)).status).toBe(200);
    model.stepMs = 0;
    open.say({ type: "end" });
    expect(await open.closed).toMatch(/^1000/);
    await vi.waitFor(
      async () => {
        const later = connect(PAIR);
        await once(later.socket, "message");
        expect(later.messages[0].type).toBe("ready");
        later.socket.close();
      },
      { timeout: 10_000, interval: 300 },
    );
  });

  test("logs nothing that anyone says, and no key", async () => {
    const { key, record } = makeKey("studio");
    writeFileSync(keyFile, writeKeyFile([record]));
    await start({ keyFile, keyInQuery: true });
    const secret = "Xylophonsekret";
    const wrongKey = "souffleur_wrongkeysekret";
    const stream = connect(`${PAIR}&key=${key}`, { origin: "https://page.example", cookie: `session=${secret}` });
    await stream.has("ready");
    stream.say({ type: "text", text: `${secret} the word. ${secret}` });
    stream.say({ type: "text", text: secret, [secret]: secret });
    stream.say({ type: secret });
    stream.socket.send(`{"type":"text","text":"${secret}`);
    stream.socket.send(Buffer.from(secret));
    stream.say({ type: "start", source: secret, target: secret, key });
    stream.say({ type: "ping", id: secret });
    stream.say({ type: "text", text: secret.repeat(1000) });
    stream.say({ type: "end" });
    await stream.closed;
    expect(stream.messages.some((message) => message.type === "final" && message.source.includes(secret))).toBe(true);
    for (const [query, headers] of [
      [`${PAIR}&key=${wrongKey}`, {}],
      [`source=${secret}&target=de`, { authorization: `Bearer ${key}` }],
      [PAIR, { authorization: `Bearer ${wrongKey}` }],
      [PAIR, { authorization: `Basic ${wrongKey}` }],
    ] as const) {
      await connect(query, headers).closed;
    }
    for (const body of [{ source: "en", target: "de", text: secret }, { text: secret }, secret]) {
      const headers = { "content-type": "application/json", authorization: `Bearer ${key}` };
      const options = { method: "POST", headers, body: JSON.stringify(body) };
      await fetch(`http://127.0.0.1:${server.port}/v1/translate?${secret}`, options);
    }
    await fetch(`http://127.0.0.1:${server.port}/${secret}?key=${key}`);
    const metrics = await (await fetch(`http://127.0.0.1:${server.port}/metrics`)).text();
    await server.close();
    expect(log).toContain("session closed");
    expect(log).toContain("error sent");
    for (const word of [secret, secret.toLowerCase(), key, wrongKey, record.sha256]) {
      expect(log).not.toContain(word);
      expect(metrics).not.toContain(word);
    }
  });
});
