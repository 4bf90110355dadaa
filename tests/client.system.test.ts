// The client with the real server, over a network that breaks all the time: the text is the one of a stream that never broke.
import { setTimeout } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { connect } from "../clients/typescript/client.ts";
import type { ClientOptions } from "../clients/typescript/client-options.ts";
import { Transcript } from "../clients/typescript/transcript.ts";
import type { RunningServer } from "../server/main.ts";
import type { ServerSettings } from "../server/settings.ts";
import { CutProxy } from "./cut-proxy.ts";
import { startStandInServer } from "./stand-in-server.ts";

const SENTENCES = [
  "The old harbour is closed today, because the ships wait for the tide.",
  "Nobody knows how long it takes; the wind decides, and the wind is not asked.",
  "In the evening the lamps are lit, one after another, along the long wall.",
  "A boat without a name comes in, turns, and leaves again.",
];
const TEXT = Array.from({ length: 40 }, (_, index) => SENTENCES[index % SENTENCES.length]).join(" ");
const WORDS = TEXT.split(/(?<= )/);

const running: { close(): Promise<unknown> }[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((one) => one.close()));
});

async function start(settings: ServerSettings = {}): Promise<RunningServer> {
  const server = await startStandInServer(settings);
  running.push(server);
  return server;
}

/** Random numbers that are the same each time (Numerical Recipes' generator). */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

interface Heard {
  /** Each segment's source and translation, and the deltas that led there. */
  finals: { source: string; text: string; deltas: string }[];
  withdrawn: number;
  sessions: Set<string>;
  connections: number;
  done: { segments: number };
}

/** Streams the text, and lets something happen before each word. */
async function stream(
  options: Pick<ClientOptions, "url"> & Partial<ClientOptions>,
  beforeWord: (index: number) => Promise<void> = async () => {},
): Promise<Heard> {
  const client = await connect({
    ...{ source: "en", target: "de", wait: 3, reconnect: { firstDelayMs: 10, maxDelayMs: 60, giveUpMs: 30_000 } },
    ...options,
  });
  const heard: Heard = { finals: [], withdrawn: 0, sessions: new Set(), connections: 1, done: { segments: 0 } };
  heard.sessions.add(client.ready.session);
  client.on("ready", ({ session }) => {
    heard.sessions.add(session);
    heard.connections += 1;
  });
  const transcript = new Transcript();
  const reading = (async () => {
    let deltas = "";
    for await (const message of client) {
      transcript.take(message);
      if (message.type === "delta") deltas += message.text;
      if (message.type === "withdrawn") heard.withdrawn += 1;
      if (message.type === "error") throw new Error(`${message.code}: ${message.message}`);
      if (message.type === "final") {
        heard.finals.push({ source: message.source, text: message.text, deltas });
        deltas = "";
      }
    }
  })();
  for (const [index, word] of WORDS.entries()) {
    await beforeWord(index);
    await client.send(word);
  }
  heard.done = await client.end();
  await reading;
  expect(transcript.text()).toBe(heard.finals.map(({ text }) => text).join(" "));
  return heard;
}

describe("a stream over a network that breaks", () => {
  it("has the text of one that did not, to the byte", async () => {
    const server = await start();
    const proxy = new CutProxy(server.port);
    running.push(proxy);
    const url = await proxy.listen();
    const uncut = await stream({ url });
    expect(uncut.finals.map(({ source }) => source).join(" ")).toBe(TEXT);

    const random = randomFrom(7);
    let isOver = false;
    let cutting: Promise<void> | undefined;
    const cutAtRandom = async () => {
      while (!isOver) {
        await setTimeout(20 + random() * 130);
        proxy.cut();
      }
    };
    const cut = await stream({ url }, async () => {
      cutting ??= cutAtRandom();
      await setTimeout(2);
    });
    isOver = true;
    await cutting;
    expect(cut.connections).toBeGreaterThan(8);
    expect(cut.sessions.size).toBe(1);
    expect(cut.finals).toEqual(uncut.finals);
    for (const { text, deltas } of cut.finals) expect(deltas).toBe(text);
    expect(cut.withdrawn).toBe(0);
  });

  it("goes on with another server where the first is gone, nothing lost and nothing twice", async () => {
    const first = await start();
    const proxy = new CutProxy(first.port);
    running.push(proxy);
    const url = await proxy.listen();
    const uncut = await stream({ url });
    const moved = await stream({ url }, async (index) => {
      await setTimeout(1);
      if (index % 150 !== 149) return;
      const next = await start();
      proxy.leadTo(next.port);
      proxy.cut();
    });
    expect(moved.sessions.size).toBe(4);
    expect(moved.finals).toEqual(uncut.finals);
    for (const { text, deltas } of moved.finals) expect(deltas).toBe(text);
  });

  it("loses no word to a server that is stopped: what was open is finished there, and the rest is said to the next", async () => {
    const first = await start();
    const proxy = new CutProxy(first.port);
    running.push(proxy);
    const url = await proxy.listen();
    let stopping: Promise<void> | undefined;
    const moved = await stream({ url }, async (index) => {
      await setTimeout(1);
      if (index !== 150) return;
      const next = await start();
      proxy.leadTo(next.port);
      stopping = first.close();
    });
    await stopping;
    expect(moved.sessions.size).toBe(2);
    // The segment that was open is cut where the server stopped; no word is missing, and none is there twice.
    expect(moved.finals.map(({ source }) => source).join(" ")).toBe(TEXT);
    for (const { text, deltas } of moved.finals) expect(deltas).toBe(text);
  });

  it("tells which text the server did not take, and goes on", async () => {
    const server = await start({ addressWordsPerMinute: 20 });
    const client = await connect({ url: server.url, source: "en", target: "de" });
    const heard: string[] = [];
    const refusals: (string | undefined)[] = [];
    client.on("final", ({ source }) => heard.push(source));
    client.on("error", ({ code, said, retryAfter = 0 }) => refusals.push(`${code} ${retryAfter > 0} ${said?.text}`));
    await client.send("These are the first few words. ");
    await client.send("more ".repeat(30));
    await expect.poll(() => refusals).toEqual([`rate_limited true ${"more ".repeat(30)}`]);
    await client.send("And these are the last. ");
    await client.end();
    expect(heard).toEqual(["These are the first few words.", "And these are the last."]);
  });
});
