// A client that does not read, over real sockets: it is closed in time, little is held for it, and nobody else notices.
import { once } from "node:events";
import { connect } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import WebSocket from "ws";
import { Admission } from "../admission/admission.ts";
import { NO_LIMITS } from "../admission/budget.ts";
import { Visit } from "../admission/visit.ts";
import { OUTBOX_MAX_BYTES } from "../protocol/limits.ts";
import { chooseTransport, loadUws } from "./choose-transport.ts";
import { Resumables } from "./resumables.ts";
import { StreamGroup } from "./stream-group.ts";
import type { SessionCallbacks, StreamHost } from "./stream-host.ts";
import { DEFAULT_TRANSPORT_SETTINGS, type Transport } from "./transport.ts";

const uwsLoads = await loadUws().then(
  () => true,
  () => false,
);

describe.each(["ws", "uws"] as const)("a client that does not read, over %s", (name) => {
  let transport: Transport | undefined;
  afterEach(() => transport?.close());

  async function start() {
    const open = { verifiers: [], keyInQuery: false, allowedOrigins: [], trustedProxies: 0 };
    const admission = new Admission({ ...open, keyLimits: NO_LIMITS, addressLimits: NO_LIMITS });
    const now = () => performance.now();
    const sessions: SessionCallbacks[] = [];
    const errors: string[] = [];
    const closes: number[] = [];
    const host: StreamHost = {
      models: [{ model: "m", source: "en", target: "de", defaultWait: 3, segmentTokens: 100 }],
      idleTimeoutMs: 0,
      textMaxCharacters: 1000,
      admit: (request) => new Visit(admission, request, now),
      openSession: (_model, _settings, callbacks) => {
        sessions.push(callbacks);
        const nothing = () => undefined;
        const calls = { text: nothing, revise: nothing, commit: nothing, end: nothing, abort: nothing };
        return { ...calls, closed: false, idle: false, words: 0, segments: 0 };
      },
      sessionId: () => `session-${sessions.length}`,
      resumables: new Resumables({ graceMs: 0, keptBytes: 0 }),
      onDetached: () => undefined,
      onResumed: () => undefined,
      onDisconnected: () => undefined,
      now,
      onReady: () => undefined,
      onMeasure: () => undefined,
      onNotice: () => undefined,
      onError: (code) => errors.push(code),
      onFault: (error) => {
        throw error;
      },
      onClosed: (stream, code) => {
        streams.delete(stream);
        closes.push(code);
      },
    };
    const streams: StreamGroup = new StreamGroup(host);
    const application = {
      connect: (...given: Parameters<StreamGroup["open"]>) => streams.open(...given),
      respond: () => Promise.reject(new Error("not part of this test")),
    };
    transport = await chooseTransport(name, application, DEFAULT_TRANSPORT_SETTINGS, { warn: () => undefined });
    const port = await transport.listen(0, "127.0.0.1");
    streams.watch();
    return { port, sessions, streams, errors, closes };
  }

  /** Shakes hands and then reads nothing. */
  async function stalled(port: number) {
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => undefined);
    socket.write(
      "GET /v1/stream?source=en&target=de HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    );
    await once(socket, "data");
    socket.pause();
    return socket;
  }

  async function reader(port: number) {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/v1/stream?source=en&target=de`, "souffleur.v1");
    const frames: number[] = [];
    socket.on("message", (data) => frames.push(String(data).length));
    await once(socket, "message");
    return frames;
  }

  const test = it.skipIf(name === "uws" && !uwsLoads);
  const delta = (seq: number, characters: number) =>
    ({ type: "delta", segment: 0, target: "de", text: "x".repeat(characters), read: 1, seq }) as const;
  const turn = (ms = 0) => new Promise((resolve) => setTimeout(resolve, ms));

  test("is closed as its outbox is full", async () => {
    const { port, sessions, streams, errors, closes } = await start();
    const slow = await stalled(port);
    const frames = await reader(port);
    let most = 0;
    let sent = 0;
    while (errors.length === 0 && sent < 2_000) {
      for (const session of sessions) session.emit(delta(++sent, 32_000));
      most = Math.max(most, streams.bufferedBytes);
      await turn();
    }
    expect(errors).toEqual(["slow_consumer"]);
    // The other reads as fast as it is written to, give or take what is on its way.
    expect(most).toBeLessThanOrEqual(OUTBOX_MAX_BYTES + 200_000);
    while (closes.length === 0) await turn(20);
    while (frames.length < 1 + sent / 2) await turn(5);
    expect(streams.size).toBe(1);
    slow.destroy();
  }, 30_000);

  test("is closed when it takes nothing, however little waits", async () => {
    const { port, sessions, streams, errors, closes } = await start();
    const slow = await stalled(port);
    let sent = 0;
    // Until something waits here, and not in the system's own buffers.
    while (streams.bufferedBytes === 0 && sent < 2_000) {
      sessions[0].emit(delta(++sent, 8_000));
      await turn();
    }
    expect(streams.bufferedBytes).toBeLessThan(OUTBOX_MAX_BYTES / 2);
    while (closes.length === 0) await turn(50);
    expect(errors).toEqual(["slow_consumer"]);
    expect(streams.bufferedBytes).toBe(0);
    slow.destroy();
  }, 30_000);
});
