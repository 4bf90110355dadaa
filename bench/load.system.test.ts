// The load generator in its own process against a small server that echoes words in the protocol's shape.
import { once } from "node:events";
import { existsSync } from "node:fs";
import { afterEach, describe, expect, it } from "vitest";
import { type WebSocket, WebSocketServer } from "ws";
import { benchLoad, type LoadOptions } from "./load.ts";

const BUILT = existsSync(new URL("../dist/bench/load-worker.js", import.meta.url));

let server: WebSocketServer | undefined;
afterEach(() => {
  for (const client of server?.clients ?? []) client.terminate();
  server?.close();
});

/** Answers each word with itself as a delta, each commit with a final. `dropEvery`: forgets every nth word. */
function echo(socket: WebSocket, dropEvery = Number.POSITIVE_INFINITY): void {
  let [segment, seq, words] = [0, 0, 0];
  let source: string[] = [];
  const say = (message: object) => socket.send(JSON.stringify(message));
  const flush = () => {
    if (source.length === 0) return;
    seq += 1;
    say({
      type: "final",
      segment,
      seq,
      source: source.join(" "),
      text: source.join(" "),
      target: "de",
      start: 0,
      end: 0,
    });
    segment += 1;
    source = [];
  };
  socket.on("message", (data) => {
    const message: { type: string; text?: string } = JSON.parse(data.toString());
    if (message.type === "start") say({ type: "ready", session: "s" });
    if (message.type === "text") {
      words += 1;
      if (words % dropEvery === 0) return;
      const text = (source.length > 0 ? " " : "") + (message.text ?? "").trim();
      source.push(text.trim());
      seq += 1;
      say({
        type: "delta",
        segment,
        seq,
        read: source.length,
        text,
        target: "de",
        latency: 1,
        queue: 0.5,
        compute: 0.5,
      });
    }
    if (message.type === "commit") flush();
    if (message.type === "end") {
      flush();
      say({ type: "done", segments: segment, words, duration: 0 });
      socket.close(1000);
    }
  });
}

async function serve(onConnection: (socket: WebSocket) => void): Promise<string> {
  server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  server.on("connection", onConnection);
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return `ws://127.0.0.1:${address.port}`;
}

const options: LoadOptions = {
  ...{ streams: 5, wordsPerMinute: 1200, seconds: 1.5, warmupSeconds: 0.5, drainSeconds: 5 },
  ...{ source: "en", target: "de", commit: true },
};

describe.skipIf(!BUILT)("benchLoad (needs the build)", () => {
  it("measures a server that keeps its promises", async () => {
    const result = await benchLoad({ ...options, url: await serve((socket) => echo(socket)) });
    expect(result).toMatchObject({
      connected: 5,
      completed: 5,
      wordsPlanned: 150,
      lostWords: 0,
      clean: true,
      server: null,
    });
    expect(result.summary).toMatchObject({ wordsSent: 150, wordsFinal: 150, deltas: 150, errors: {} });
    // Two thirds of the words were due after the warm-up.
    expect(result.summary.wordLatencyMs?.count).toBe(100);
    expect(result.summary.serverMs.latency).toMatchObject({ count: 100, max: 1 });
    expect(result.options.url).toMatch(/\/v1\/stream$/);
  });

  it("counts lost words", async () => {
    const result = await benchLoad({ ...options, url: await serve((socket) => echo(socket, 10)) });
    expect(result).toMatchObject({ completed: 5, wordsPlanned: 150, lostWords: 15, clean: false });
  });

  it("counts refused streams, and goes on with the others", async () => {
    let connections = 0;
    const url = await serve((socket) => {
      connections += 1;
      if (connections > 2) return echo(socket);
      socket.send(JSON.stringify({ type: "error", code: "overloaded", message: "full", fatal: true }));
      socket.close(1013);
    });
    const result = await benchLoad({ ...options, url });
    expect(result).toMatchObject({ connected: 3, completed: 3, wordsPlanned: 90, lostWords: 0, clean: false });
    expect(result.summary.errors).toEqual({ "connect: refused: overloaded": 2 });
  });

  it("gives up when nothing can be opened", async () => {
    await expect(benchLoad({ ...options, url: "ws://127.0.0.1:1" })).rejects.toThrow("no stream could be opened");
  });
});
