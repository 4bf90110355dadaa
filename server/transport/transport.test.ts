import { afterEach, describe, expect, it } from "vitest";
import WebSocket from "ws";
import type { HttpRequest } from "../http/request.ts";
import { respondText } from "../http/response.ts";
import { STREAM_PATH, SUBPROTOCOL } from "../protocol/limits.ts";
import { chooseTransport, loadUws } from "./choose-transport.ts";
import { type MemoryClient, MemoryTransport } from "./memory-transport.ts";
import type { Application, Connection, StreamRequest, Transport, TransportSettings } from "./transport.ts";
import { UwsTransport } from "./uws-transport.ts";
import { WsTransport } from "./ws-transport.ts";

const SETTINGS: TransportSettings = {
  frameMaxBytes: 100_000,
  bodyMaxBytes: 10_000,
  keepAliveMs: 60_000,
  headTimeoutMs: 10_000,
  backpressureMaxBytes: 1024 * 1024,
  topicBacklogMaxBytes: 16 * 1024,
  closeTimeoutMs: 200,
};

/** More than a socket takes at once. */
const LARGE_BODY = Array.from({ length: 500_000 }, (_, line) => `${line} €\n`).join("");

/** What each client of these tests shows of itself. */
const SHOWN = { origin: "http://page.test", authorization: "Bearer a-key", forwardedFor: "198.51.100.1, 10.0.0.1" };

/** Answers frames with what they were, takes a few orders, and keeps a record. */
class EchoApplication implements Application {
  readonly connections: Connection[] = [];
  readonly requests: StreamRequest[] = [];
  readonly closes: number[] = [];
  onClosed = () => {};

  connect(connection: Connection, request: StreamRequest) {
    this.connections.push(connection);
    this.requests.push(request);
    return {
      message: (frame: string | Uint8Array) => {
        if (typeof frame !== "string") return connection.send(`binary ${frame.byteLength}`);
        if (frame !== "close") return connection.send(`echo ${frame}`);
        connection.send("bye");
        connection.close(1008, "because");
        connection.send("never");
        connection.close(1011, "twice");
      },
      closed: (code: number) => {
        this.closes.push(code);
        this.onClosed();
      },
    };
  }

  respond(request: HttpRequest) {
    if (request.body === undefined) return Promise.resolve(respondText(413, "too large"));
    if (request.path === "/large") return Promise.resolve(respondText(200, LARGE_BODY));
    if (request.path === "/same") return Promise.resolve({ ...respondText(304, ""), headers: { etag: '"x"' } });
    const { method, path, query } = request;
    const body = new TextDecoder().decode(request.body);
    return Promise.resolve(
      respondText(200, `${method} ${path} ${query} ${request.header("x-test")} ${body}`.trimEnd()),
    );
  }

  closed(count: number): Promise<number[]> {
    return new Promise((resolve) => {
      this.onClosed = () => {
        if (this.closes.length >= count) resolve(this.closes);
      };
      this.onClosed();
    });
  }
}

interface Peer {
  subprotocol: string;
  frames: string[];
  send(frame: string | Uint8Array): void;
  close(code: number): void;
  pause(): void;
  resume(): void;
  /** The frames, once there are so many. */
  received(count: number): Promise<string[]>;
  closed(): Promise<{ code: number; reason: string }>;
}

interface Answer {
  status: number;
  body: string;
  header(name: string): string | null | undefined;
}

interface Harness {
  open(query?: string, subprotocol?: string): Promise<Peer>;
  request(method: string, path: string, options?: { headers?: Record<string, string>; body?: string }): Promise<Answer>;
}

function memoryHarness(transport: MemoryTransport): Harness {
  const wrap = (client: MemoryClient): Peer => {
    const until = <T>(found: () => T | undefined) =>
      new Promise<T>((resolve) => {
        const before = client.onChange;
        client.onChange = () => {
          before();
          const value = found();
          if (value !== undefined) resolve(value);
        };
        client.onChange();
      });
    return {
      subprotocol: client.subprotocol,
      frames: client.frames,
      send: client.send,
      close: client.close,
      pause: client.pause,
      resume: client.resume,
      received: (count) => until(() => (client.frames.length >= count ? client.frames : undefined)),
      closed: () => until(() => client.closed),
    };
  };
  return {
    open: async (query = "", subprotocol = SUBPROTOCOL) => wrap(transport.connect(query, { subprotocol, ...SHOWN })),
    request: async (method, path, options) => {
      const response = await transport.request(method, path, options);
      const body = method === "HEAD" ? "" : Buffer.from(response.body).toString();
      return { status: response.status, body, header: (name) => response.headers[name] };
    },
  };
}

function socketHarness(port: number): Harness {
  return {
    open: (query = "", subprotocol = SUBPROTOCOL) =>
      new Promise((resolve, reject) => {
        const socket = new WebSocket(
          `ws://127.0.0.1:${port}${STREAM_PATH}?${query}`,
          subprotocol === "" ? [] : subprotocol.split(","),
          {
            origin: SHOWN.origin,
            headers: { authorization: SHOWN.authorization, "x-forwarded-for": SHOWN.forwardedFor },
          },
        );
        const frames: string[] = [];
        let change = () => {};
        let end: { code: number; reason: string } | undefined;
        const until = <T>(found: () => T | undefined) =>
          new Promise<T>((done) => {
            const before = change;
            change = () => {
              before();
              const value = found();
              if (value !== undefined) done(value);
            };
            change();
          });
        socket.on("message", (data) => {
          frames.push(String(data));
          change();
        });
        socket.on("close", (code, reason) => {
          end = { code, reason: String(reason) };
          change();
        });
        socket.on("error", reject);
        socket.on("open", () =>
          resolve({
            subprotocol: socket.protocol,
            frames,
            send: (frame) => socket.send(frame),
            close: (code) => socket.close(code),
            pause: () => socket.pause(),
            resume: () => socket.resume(),
            received: (count) => until(() => (frames.length >= count ? frames : undefined)),
            closed: () => until(() => end),
          }),
        );
      }),
    request: async (method, path, options) => {
      const response = await fetch(`http://127.0.0.1:${port}${path}`, { method, ...options });
      return { status: response.status, body: await response.text(), header: (name) => response.headers.get(name) };
    },
  };
}

const uws = await loadUws().catch(() => undefined);

async function start(
  name: Transport["name"],
  application: Application,
  settings = SETTINGS,
): Promise<[Transport, Harness]> {
  if (name === "memory") {
    const transport = new MemoryTransport(application, settings);
    return [transport, memoryHarness(transport)];
  }
  const transport =
    name === "ws" ? new WsTransport(application, settings) : new UwsTransport(uws!, application, settings);
  return [transport, socketHarness(await transport.listen(0, "127.0.0.1"))];
}

let running: Transport | undefined;
afterEach(async () => {
  await running?.close();
  running = undefined;
});

describe.each(["memory", "ws", "uws"] as const)("transport %s", (name) => {
  async function setUp() {
    const application = new EchoApplication();
    const [transport, harness] = await start(name, application);
    running = transport;
    return { application, ...harness };
  }
  const test = it.skipIf(name === "uws" && uws === undefined);

  test("carries text both ways and hands over the request", async () => {
    const { application, open } = await setUp();
    const peer = await open("source=en&target=de");
    peer.send("grüße 👋");
    expect(await peer.received(1)).toEqual(["echo grüße 👋"]);
    expect(application.requests).toEqual([{ query: "source=en&target=de", peer: "127.0.0.1", ...SHOWN }]);
  });

  test("negotiates the subprotocol, does without, and refuses others", async () => {
    const { open } = await setUp();
    expect((await open("", `other.v1,${SUBPROTOCOL}`)).subprotocol).toBe(SUBPROTOCOL);
    expect((await open("", "")).subprotocol).toBe("");
    await expect(open("", "other.v1")).rejects.toThrow(/400/);
  });

  test("tells binary frames from text", async () => {
    const { open } = await setUp();
    const peer = await open();
    peer.send(new Uint8Array(5));
    expect(await peer.received(1)).toEqual(["binary 5"]);
  });

  test("closes once, after what was sent before, and drops what comes later", async () => {
    const { application, open } = await setUp();
    const peer = await open();
    peer.send("close");
    peer.send("too late");
    expect(await peer.closed()).toEqual({ code: 1008, reason: "because" });
    expect(peer.frames).toEqual(["bye"]);
    expect(await application.closed(1)).toEqual([1008]);
  });

  test("tells that the client closed", async () => {
    const { application, open } = await setUp();
    const peer = await open();
    peer.close(1000);
    expect(await application.closed(1)).toEqual([1000]);
    application.connections[0].send("into the void");
    application.connections[0].close(1000, "");
    expect(application.connections[0].bufferedBytes).toBe(0);
  });

  test("cuts a connection whose frame is far too large, and no other", async () => {
    const { application, open } = await setUp();
    const [bad, good] = [await open(), await open()];
    bad.send("x".repeat(SETTINGS.frameMaxBytes + 1));
    expect([1006, 1009]).toContain((await bad.closed()).code);
    expect(await application.closed(1)).toHaveLength(1);
    good.send("still here");
    expect(await good.received(1)).toEqual(["echo still here"]);
  });

  test("counts what a slow client leaves in the outbox, and loses nothing of it", async () => {
    const { application, open } = await setUp();
    const peer = await open();
    peer.pause();
    const [connection] = application.connections;
    let sent = 0;
    while (connection.bufferedBytes < 1_000_000 && sent < 2_000) connection.send(`${sent++} ${"x".repeat(50_000)}`);
    expect(connection.bufferedBytes).toBeGreaterThanOrEqual(1_000_000);
    peer.resume();
    const frames = await peer.received(sent);
    expect(frames.map((frame) => Number.parseInt(frame, 10))).toEqual([...frames.keys()]);
    peer.send("done");
    await peer.received(sent + 1);
    expect(connection.bufferedBytes).toBe(0);
  });

  test("cuts off a client that is closed and does not read", async () => {
    const { application, open } = await setUp();
    const peer = await open();
    peer.pause();
    const [connection] = application.connections;
    for (let sent = 0; connection.bufferedBytes < 1_000_000 && sent < 2_000; sent++)
      connection.send("x".repeat(50_000));
    connection.close(1013, "slow");
    expect(await application.closed(1)).toEqual([1006]);
    peer.resume();
  });

  test("leaves no frame out silently, however much waits for a peer", async () => {
    const { application, open } = await setUp();
    const peer = await open();
    peer.send("hello");
    await peer.received(1);
    peer.pause();
    const [connection] = application.connections;
    const sent = 400;
    for (let index = 0; index < sent; index++) {
      connection.send(`${index} ${"x".repeat(40_000)}`);
      await new Promise((resolve) => setImmediate(resolve));
    }
    // Either all arrive, or the connection ends after a part without a hole.
    const cut = application.closes.length > 0;
    peer.resume();
    await (cut ? peer.closed() : peer.received(1 + sent));
    const numbers = peer.frames.slice(1).map((frame) => Number(frame.split(" ")[0]));
    expect(numbers).toEqual(numbers.map((_, index) => index));
    expect(numbers.length === sent).toBe(!cut);
    expect(cut).toBe(name === "uws");
  });

  test("serves HTTP with methods, queries, headers and bodies", async () => {
    const { request } = await setUp();
    expect(await request("GET", "/a/b?c=d", { headers: { "x-test": "yes" } })).toMatchObject({
      status: 200,
      body: "GET /a/b c=d yes",
    });
    expect(await request("POST", "/p", { body: "grüße" })).toMatchObject({ status: 200, body: "POST /p   grüße" });
    expect(await request("DELETE", "/p")).toMatchObject({ status: 200, body: "DELETE /p" });
    expect(await request("GET", "/same")).toMatchObject({ status: 304, body: "" });
    const large = await request("GET", "/large");
    expect([large.status, large.body === LARGE_BODY]).toEqual([200, true]);
    const head = await request("HEAD", "/h");
    expect(head).toMatchObject({ status: 200, body: "" });
    expect(head.header("content-type")).toBe("text/plain; charset=utf-8");
    expect((await request("POST", "/p", { body: "x".repeat(10_000) })).status).toBe(200);
    expect((await request("POST", "/p", { body: "x".repeat(10_001) })).status).toBe(413);
    expect((await request("GET", STREAM_PATH)).body).toBe(`GET ${STREAM_PATH}`);
  });
});

describe("sockets", () => {
  it.each([
    ["ws", "ws"],
    ["ws", "uws"],
    ["uws", "ws"],
    ["uws", "uws"],
  ] as const)("beside %s, %s says that a port is taken", async (first, second) => {
    if (uws === undefined && (first === "uws" || second === "uws")) return;
    const application = new EchoApplication();
    const make = (name: "ws" | "uws") =>
      name === "ws" ? new WsTransport(application, SETTINGS) : new UwsTransport(uws!, application, SETTINGS);
    running = make(first);
    const port = await running.listen(0, "127.0.0.1");
    await expect(make(second).listen(port, "127.0.0.1")).rejects.toThrow(/in use|EADDRINUSE/);
  });

  it("ws ends a peer that answers no ping", async () => {
    const application = new EchoApplication();
    running = new WsTransport(application, { ...SETTINGS, keepAliveMs: 40 });
    const port = await running.listen(0, "127.0.0.1");
    const socket = new WebSocket(`ws://127.0.0.1:${port}${STREAM_PATH}`, { autoPong: false });
    socket.on("error", () => {});
    expect(await application.closed(1)).toEqual([1006]);
  });
});

describe("chooseTransport", () => {
  const log = {
    warnings: [] as string[],
    warn: (_details: object, message: string) => void log.warnings.push(message),
  };
  const missing = () => Promise.reject(new Error("no binary for this platform"));

  it("falls back to ws and says so", async () => {
    const transport = await chooseTransport("auto", new EchoApplication(), SETTINGS, log, missing);
    expect(transport.name).toBe("ws");
    expect(log.warnings[0]).toContain("serving with ws");
  });

  it("fails where uws was asked for", async () => {
    await expect(chooseTransport("uws", new EchoApplication(), SETTINGS, log, missing)).rejects.toThrow(/no binary/);
  });
});
