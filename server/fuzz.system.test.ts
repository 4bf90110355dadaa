// A fuzzer against the whole server: messages that are nearly right, octets that are not, connections that never finish;
// beside it clients whose translations must stay what they are. `npm run fuzz` does it for ten minutes.
import { connect } from "node:net";
import { pino } from "pino";
import { afterEach, describe, expect, it, vi } from "vitest";
import WebSocket from "ws";
import { standInBundle } from "../models/stand-in-bundle.ts";
import { mix, StandInModel } from "../models/stand-in-model.ts";
import { InProcessEngine } from "./engine/in-process-engine.ts";
import { type RunningServer, startServer } from "./main.ts";
import { serverMessageSchema } from "./protocol/server-messages.ts";
import { ResumingClient } from "./resuming-client.testing.ts";
import { translate } from "./session/translate.ts";
import { loadUws } from "./transport/choose-transport.ts";
import { closePayload, encodeFrame, OPCODES, RawClient } from "./transport/raw-client.testing.ts";

const SECONDS = Number(process.env.SOUFFLEUR_FUZZ_SECONDS ?? 8);
const SEED = Number(process.env.SOUFFLEUR_FUZZ_SEED ?? Date.now() % 1_000_000_007);

const uwsLoads = await loadUws().then(
  () => true,
  () => false,
);
const bundle = standInBundle();
const newEngine = () =>
  new InProcessEngine({
    models: [{ name: "stand-in", runner: new StandInModel({ vocabularySize: bundle.tokenizer.vocabularySize }) }],
  });

/** Numbers that follow from a seed, so that a failure can be had again. */
class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = mix(1, seed);
  }

  below(limit: number): number {
    this.#state = mix(this.#state, 0x9e3779b9);
    return this.#state % limit;
  }

  one<T>(of: readonly T[]): T {
    return of[this.below(of.length)];
  }

  octets(most: number): Buffer {
    return Buffer.from(Array.from({ length: this.below(most) }, () => this.below(256)));
  }
}

const VALUES: readonly unknown[] = [
  ...[
    "",
    "en",
    "de",
    "full",
    "\u0000",
    "\ud800",
    "x".repeat(70_000),
    "👩‍👩‍👧‍👦 e\u0301 \u202e",
    "__proto__",
    null,
    true,
  ],
  ...[0, -1, 1e308, 3.5, Number.MAX_SAFE_INTEGER, [], [[]], ["de", "fr"], {}, { __proto__: null, a: 1 }],
];
const FIELDS = [
  "type",
  "text",
  "source",
  "target",
  "wait",
  "seq",
  "at",
  "id",
  "key",
  "timings",
  "stable",
  "glossary",
  "resume",
  "received",
  "session",
  "tentative",
  "constructor",
];
const TYPES = ["start", "text", "revise", "commit", "end", "ping", "resume", "delta", "toString", ""];

/** A message that might be one. */
function nearMessage(dice: Dice): string {
  const message: Record<string, unknown> = { type: dice.one(TYPES) };
  if (dice.below(2) === 0) Object.assign(message, { text: dice.one(["the word", "and. ", "…", "A.", VALUES[6]]) });
  if (dice.below(4) === 0) Object.assign(message, { source: "en", target: "de" });
  for (let count = dice.below(3); count > 0; count--) message[dice.one(FIELDS)] = dice.one(VALUES);
  return JSON.stringify(message);
}

function nearJson(dice: Dice): string {
  const deep = 1 + dice.below(60_000);
  return dice.one([
    nearMessage(dice).slice(0, -1 - dice.below(4)),
    "[".repeat(deep),
    `${'{"a":'.repeat(1 + dice.below(10_000))}1`,
    `{"type":"text","text":"${"\\u0000".repeat(dice.below(5_000))}"}`,
    `{"type":"text","type":"end","text":"a"}`,
    `"${"a".repeat(deep)}"`,
    "1e999999",
    "",
  ]);
}

const QUERIES = [
  "",
  "?source=en&target=de",
  "?source=en&target=de&wait=1&timings=1",
  "?source=en&target=de&resume=true&tentative=1",
  "?source=en",
  "?wait=x&%",
  "?key=%00&a=b",
];

type Attack = (port: number, dice: Dice) => Promise<void>;

const turn = (ms = 0) => new Promise((resolve) => setTimeout(resolve, ms));

const attacks: Record<string, Attack> = {
  async messages(port, dice) {
    const client = await RawClient.open(port, dice.one(QUERIES));
    for (let count = 1 + dice.below(40); count > 0 && !client.ended; count--) {
      client.send({ opcode: OPCODES.text, payload: dice.below(4) === 0 ? nearJson(dice) : nearMessage(dice) });
      if (dice.below(5) === 0) await turn();
    }
    if (dice.below(2) === 0) client.send({ opcode: OPCODES.close, payload: closePayload(1000) });
    await turn(dice.below(5));
    client.destroy();
  },
  async octets(port, dice) {
    const client = await RawClient.open(port, dice.one(QUERIES));
    const frame = encodeFrame({
      opcode: dice.below(16),
      payload: dice.octets(300),
      fin: dice.below(3) > 0,
      reserved: dice.below(5) === 0 ? dice.below(8) : 0,
      masked: dice.below(8) > 0,
    });
    const cut = dice.below(3) === 0 ? frame.subarray(0, dice.below(frame.length)) : frame;
    for (let flips = dice.below(3); flips > 0; flips--) cut[dice.below(Math.max(1, cut.length))] ^= 1 << dice.below(8);
    await client.chop(cut, 1 + dice.below(50));
    client.write(dice.octets(200));
    await turn(dice.below(5));
    client.destroy();
  },
  async fragments(port, dice) {
    const client = await RawClient.open(port, dice.one(QUERIES));
    const payload = Buffer.from(nearMessage(dice));
    const at = dice.below(payload.length);
    client.send({ opcode: OPCODES.text, payload: payload.subarray(0, at), fin: false });
    if (dice.below(2) === 0) client.send({ opcode: OPCODES.ping, payload: dice.octets(126) });
    client.send({
      opcode: dice.one([OPCODES.continuation, OPCODES.text, OPCODES.binary]),
      payload: payload.subarray(at),
    });
    await turn(dice.below(5));
    client.destroy();
  },
  async handshakes(port, dice) {
    const socket = connect(port, "127.0.0.1").on("error", () => undefined);
    const lines = [
      dice.one(["GET /v1/stream HTTP/1.1", "GET /v1/stream?source=en HTTP/1.1", "BREW / HTTP/9", "GET /%ff HTTP/1.1"]),
      ...["Host: x", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"],
      ...["Sec-WebSocket-Key: short", `X-Long: ${"y".repeat(dice.below(30_000))}`, "Sec-WebSocket-Protocol: a, b"],
    ].filter(() => dice.below(6) > 0);
    const request = Buffer.from(`${lines.join("\r\n")}\r\n\r\n`);
    // Some never finish: they are left hanging for a while, like a slow-loris.
    socket.write(request.subarray(0, dice.below(2) === 0 ? request.length : dice.below(request.length)));
    await turn(dice.below(30));
    socket.destroy();
  },
  async resumes(port, dice) {
    let session = "";
    let last = 0;
    for (let connections = 1 + dice.below(4); connections > 0; connections--) {
      const socket = new WebSocket(`ws://127.0.0.1:${port}/v1/stream`, "souffleur.v1");
      socket.on("error", () => undefined);
      const opened = new Promise((resolve) => socket.once("open", resolve).once("close", resolve));
      socket.on("message", (data) => {
        const message = serverMessageSchema.parse(JSON.parse(String(data)));
        if (message.type === "ready") session = message.session;
        else if (message.type !== "tentative") last = message.seq ?? last;
      });
      await opened;
      const send = (message: object) => socket.readyState === WebSocket.OPEN && socket.send(JSON.stringify(message));
      const name = dice.below(4) > 0 ? session : session.slice(dice.below(40)) + dice.one([".", "x", ""]);
      if (name === "") send({ type: "start", source: "en", target: "de", resume: true, tentative: true });
      else send({ type: "resume", session: name, seq: Math.max(0, last + dice.one([0, 0, -1, 1, 1e9])) });
      for (let seq = 1; seq < dice.below(9); seq += dice.below(3)) {
        send({
          type: "text",
          text: dice.one(["the word ", "end. "]),
          seq,
          received: dice.one([0, last, last + 1, 1e9]),
        });
        if (dice.below(3) === 0) await turn();
      }
      if (dice.below(4) === 0) send({ type: "end" });
      await turn(dice.below(5));
      // Some are left behind half open.
      if (dice.below(3) > 0) socket.terminate();
      else setTimeout(() => socket.terminate(), 500);
    }
  },
  async requests(port, dice) {
    const body = dice.below(2) === 0 ? nearMessage(dice) : dice.octets(500);
    const type = dice.one(["application/json", "application/json; charset=x", "text/plain"]);
    const path = dice.one([
      "/v1/translate",
      "/v1/models",
      "/assets/../../etc/passwd",
      "/assets/%2e%2e%2f",
      "/metrics?x",
    ]);
    const method = dice.one(["POST", "PUT", "GET"]);
    const options = { method, headers: { "content-type": type }, ...(method === "GET" ? {} : { body }) };
    const response = await fetch(`http://127.0.0.1:${port}${path}`, options);
    await response.text();
    expect(response.status).not.toBe(500);
  },
};

/** One that is cut again and again, and goes on. */
async function cutWitness(server: RunningServer, text: string, dice: Dice): Promise<string[]> {
  const client = new ResumingClient(`ws://127.0.0.1:${server.port}/v1/stream`);
  await client.ready();
  for (const word of text.split(/(?<= )/)) {
    client.say(word);
    if (dice.below(4) > 0) continue;
    await client.ready();
    client.cut();
  }
  await client.end();
  return [...client.heard.flatMap((message) => (message.type === "final" ? [message.text] : [])), "close 1000"];
}

/** A client that does everything right, and what it must be told. */
async function witness(server: RunningServer, text: string): Promise<string[]> {
  const socket = new WebSocket(`ws://127.0.0.1:${server.port}/v1/stream?source=en&target=de&wait=2`, "souffleur.v1");
  const finals: string[] = [];
  socket.on("message", (data) => {
    const message = serverMessageSchema.parse(JSON.parse(String(data)));
    if (message.type === "final") finals.push(message.text);
    if (message.type === "error") finals.push(`error ${message.code}`);
  });
  await new Promise((resolve) => socket.once("open", resolve));
  for (const word of text.split(/(?<= )/)) {
    socket.send(JSON.stringify({ type: "text", text: word }));
    await turn();
  }
  socket.send(JSON.stringify({ type: "end" }));
  const code = await new Promise((resolve) => socket.once("close", resolve));
  return [...finals, `close ${code}`];
}

describe.each(["ws", "uws"] as const)("a server under a fuzzer, over %s", (transport) => {
  const test = it.skipIf(transport === "uws" && !uwsLoads);
  let server: RunningServer | undefined;
  afterEach(() => server?.close());

  test(
    `lives, and tells nobody another's words (seed ${SEED})`,
    async () => {
      const faults: string[] = [];
      const log = pino({ level: "error" }, { write: (line) => void faults.push(line) });
      const engine = newEngine();
      server = await startServer(
        { port: 0, transport, resumeGraceMs: 2_000 },
        { log, bundles: [bundle], startEngine: async () => engine },
      );
      const running = server;
      const until = performance.now() + SECONDS * 1000;
      const count: Record<string, number> = {};
      const attack = async (number: number) => {
        const dice = new Dice(SEED + number);
        while (performance.now() < until) {
          const name = dice.one(Object.keys(attacks));
          await attacks[name](running.port, dice);
          count[name] = (count[name] ?? 0) + 1;
        }
      };
      const words = ["the", "word", "and", "end", "order", "rest", "in", "it", "long", "one"];
      const offline = newEngine();
      let witnessed = 0;
      const watch = async (number: number) => {
        const dice = new Dice(SEED - number);
        while (performance.now() < until) {
          const text = Array.from({ length: 4 + dice.below(20) }, () => dice.one(words)).join(" ");
          const expected = (await translate(offline, bundle, text, { wait: 2 })).segments.map(
            (segment) => segment.text,
          );
          const heard = dice.below(2) === 0 ? witness(running, text) : cutWitness(running, text, dice);
          expect(await heard).toEqual([...expected, "close 1000"]);
          witnessed++;
        }
      };
      await Promise.all([...[1, 2, 3, 4, 5, 6].map(attack), ...[1, 2, 3].map(watch)]);
      expect(faults).toEqual([]);
      expect(Object.keys(count).sort()).toEqual(Object.keys(attacks).sort());
      expect(witnessed).toBeGreaterThan(3);
      await vi.waitFor(
        async () => {
          const metrics = await (await fetch(`http://127.0.0.1:${running.port}/metrics`)).text();
          expect(metrics).toContain("souffleur_sessions 0\n");
          expect(engine.gauges()).toMatchObject({ openSegments: 0, stateBytes: 0, queueDepth: 0 });
        },
        { timeout: 20_000, interval: 200 },
      );
      await offline.close();
    },
    (SECONDS + 60) * 1000,
  );
});
