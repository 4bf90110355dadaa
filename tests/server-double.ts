// A server that a test leads: it serves the page, speaks the protocol, and fails or keeps silent when told to.
import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join } from "node:path";
import { expect } from "vitest";
import { type WebSocket, WebSocketServer } from "ws";
import { type ClientMessage, clientMessageSchema, type StartMessage } from "../server/protocol/client-messages.ts";
import { CLOSE_CODES, type CloseCode, type ErrorCode } from "../server/protocol/close-codes.ts";
import type { ServerMessage } from "../server/protocol/server-messages.ts";
import { PACKAGE_ROOT } from "../server/settings.ts";

const TYPES: Record<string, string> = { ".html": "text/html", ".css": "text/css", ".js": "text/javascript" };

/** Speaks `souffleur.v1` and translates by shouting: a word's translation is the word in capitals, `wait` words later. */
export class ServerDouble {
  /** All frames of the page, checked by the server's own schema; with the number of their connection. */
  readonly frames: (ClientMessage & { connection: number })[] = [];
  /** What answers a `start` in the place of `ready`. */
  onStart: ((socket: WebSocket) => void) | undefined;
  silent = false;
  connections = 0;
  readonly #http: Server;
  readonly #sockets = new WebSocketServer({ noServer: true });
  #socket: WebSocket | undefined;
  #wait: number | "full" = 3;
  #open = "";
  #written = 0;
  #segment = 0;
  #seq = 0;

  constructor() {
    this.#http = createServer(async (request, response) => {
      const path = request.url ?? "/";
      const served = (model: string, target: string) => ({ name: model, source: "en", target, wait: { default: 2 } });
      if (path === "/v1/models")
        return response.end(JSON.stringify({ models: [served("a", "de"), served("b", "fr")] }));
      const name = path === "/" ? "index.html" : path.replace(/^\/assets\//, "");
      const bytes = await readFile(join(PACKAGE_ROOT, "server/page", name)).catch(() => undefined);
      const type = TYPES[extname(name)] ?? "image/svg+xml";
      response.writeHead(bytes ? 200 : 404, { "content-type": type, "content-security-policy": "default-src 'self'" });
      return response.end(bytes);
    });
    this.#http.on("upgrade", (request, socket, head) => {
      expect(request.url).toBe("/v1/stream");
      expect(request.headers["sec-websocket-protocol"]).toBe("souffleur.v1");
      this.#sockets.handleUpgrade(request, socket, head, (open) => this.#connect(open));
    });
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#http.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.#http.address() as AddressInfo).port}/`;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets.clients) socket.terminate();
    await new Promise((resolve) => this.#http.close(resolve));
  }

  send(message: ServerMessage): void {
    this.#socket?.send(JSON.stringify(message));
  }

  fail(code: ErrorCode, close: CloseCode, socket = this.#socket): void {
    socket?.send(JSON.stringify({ type: "error", code, message: "the reason", fatal: true } satisfies ServerMessage));
    socket?.close(close, CLOSE_CODES[close].text);
  }

  /** The text of one connection's frames, or of all; a commit is `|`. */
  said(connection?: number): string {
    const frames = this.frames.filter((frame) => connection === undefined || frame.connection === connection);
    return frames.map((frame) => (frame.type === "text" ? frame.text : frame.type === "commit" ? "|" : "")).join("");
  }

  starts(): StartMessage[] {
    return this.frames.filter((frame) => frame.type === "start");
  }

  #connect(socket: WebSocket): void {
    this.connections += 1;
    const connection = this.connections;
    this.#socket = socket;
    [this.#open, this.#written, this.#segment, this.#seq] = ["", 0, 0, 0];
    socket.on("message", (data) => {
      const message = clientMessageSchema.parse(JSON.parse(String(data)));
      this.frames.push({ ...message, connection });
      if (message.type === "start") this.#start(message, socket);
      else if (message.type === "text") this.#read(message.text);
      else if (message.type === "commit") this.#finish(this.#open.length);
      else if (message.type === "end") {
        this.#finish(this.#open.length);
        this.send({ type: "done", segments: this.#segment, words: 0, duration: 0 });
        socket.close(1000);
      }
    });
  }

  #start({ source, target, wait = 3, model = "a" }: StartMessage, socket: WebSocket): void {
    if (this.onStart !== undefined) {
      this.onStart(socket);
      return;
    }
    this.#wait = wait;
    const limits = {
      payloadBytes: 65_536,
      textCharacters: 10_000,
      segmentTokens: 159,
      outboxBytes: 1e6,
      idleTimeoutMs: 0,
    };
    this.send({ type: "ready", session: "s", protocol: "souffleur.v1", model, source, target, wait, limits });
  }

  #read(text: string): void {
    this.#open += text;
    if (this.silent) return;
    for (let end = /[.!?]\s/.exec(this.#open); end !== null; end = /[.!?]\s/.exec(this.#open)) {
      this.#finish(end.index + 2);
    }
    const words = this.#open.match(/\S+(?=\s)/g) ?? [];
    this.#write(words, this.#wait === "full" ? 0 : words.length - this.#wait + 1);
  }

  #write(words: string[], until: number): void {
    for (; this.#written < until; this.#written += 1) {
      const text = (this.#written === 0 ? "" : " ") + words[this.#written].toUpperCase();
      this.#seq += 1;
      const times = { latency: 0.5, queue: 0.1, compute: 0.4 };
      this.send({
        type: "delta",
        segment: this.#segment,
        target: "de",
        text,
        read: words.length,
        seq: this.#seq,
        ...times,
      });
    }
  }

  #finish(end: number): void {
    const source = this.#open.slice(0, end).trim();
    this.#open = this.#open.slice(end).trimStart();
    if (source === "") return;
    const words = source.split(/\s+/);
    this.#write(words, words.length);
    const text = words.join(" ").toUpperCase();
    const times = { start: 0, end: 1, latency: 1, averageLagging: 2.5 };
    this.send({ type: "final", segment: this.#segment, target: "de", source, text, seq: this.#seq + 1, ...times });
    this.#segment += 1;
    this.#written = 0;
  }
}
