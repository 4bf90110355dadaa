// The transport over Node's HTTP server and the package `ws`: works wherever Node does.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import type { HttpRequest } from "../http/request.ts";
import { type HttpResponse, type OpenBody, respondProblem, STATUS_TEXT } from "../http/response.ts";
import type { CloseCode } from "../protocol/close-codes.ts";
import { CAPTIONS_PATH, ROOMS_PATH, STREAM_PATH, SUBPROTOCOL } from "../protocol/limits.ts";
import { negotiateSubprotocol } from "./subprotocol.ts";
import { Topics } from "./topics.ts";
import type {
  Application,
  Connection,
  ConnectionHandler,
  StreamRequest,
  Transport,
  TransportSettings,
} from "./transport.ts";

export class WsTransport implements Transport {
  readonly name = "ws";
  readonly #application: Application;
  readonly #settings: TransportSettings;
  readonly #server: Server;
  readonly #webSockets: WebSocketServer;
  readonly #alive = new Map<WebSocket, boolean>();
  readonly #topics: Topics;
  #pinging: NodeJS.Timeout | undefined;

  constructor(application: Application, settings: TransportSettings) {
    this.#application = application;
    this.#settings = settings;
    this.#topics = new Topics(settings.topicBacklogMaxBytes);
    const { headTimeoutMs } = settings;
    this.#server = createServer(
      // Looked at so often that none is held much longer than it may be.
      { headersTimeout: headTimeoutMs, connectionsCheckingInterval: Math.min(2_000, headTimeoutMs) },
      (request, response) => void this.#respond(request, response),
    );
    this.#webSockets = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: settings.frameMaxBytes,
      handleProtocols: (offered) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
    });
    this.#server.on("upgrade", (request, socket, head) => this.#upgrade(request, socket, head));
  }

  listen(port: number, host: string): Promise<number> {
    // Each peer is pinged at half time: it has the other half to answer.
    this.#pinging = setInterval(() => this.#ping(), this.#settings.keepAliveMs / 2).unref();
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen({ port, host, backlog: 4096 }, () => {
        this.#server.off("error", reject);
        const address = this.#server.address();
        resolve(typeof address === "object" && address !== null ? address.port : port);
      });
    });
  }

  publish(topic: string, frame: string): number {
    return this.#topics.publish(topic, frame);
  }

  async close(): Promise<void> {
    clearInterval(this.#pinging);
    for (const socket of this.#alive.keys()) socket.terminate();
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    // Errors of a socket that never became a stream are nobody's business.
    socket.on("error", () => socket.destroy());
    const [path, query = ""] = splitUrl(request.url);
    if (path !== STREAM_PATH && !path.startsWith(CAPTIONS_PATH) && !path.startsWith(ROOMS_PATH)) {
      refuse(socket, respondProblem(404, `streams are opened at ${STREAM_PATH}`));
      return;
    }
    const negotiated = negotiateSubprotocol(request.headers["sec-websocket-protocol"] ?? "");
    if ("refusal" in negotiated) {
      refuse(socket, negotiated.refusal);
      return;
    }
    this.#webSockets.handleUpgrade(request, socket, head, (webSocket) => {
      this.#open(webSocket, path, {
        query,
        authorization: request.headers.authorization ?? "",
        origin: request.headers.origin ?? "",
        forwardedFor: headerOf(request, "x-forwarded-for"),
        peer: request.socket.remoteAddress ?? "",
      });
    });
  }

  #open(webSocket: WebSocket, path: string, request: StreamRequest): void {
    this.#alive.set(webSocket, true);
    const connection = new WsConnection(webSocket, this.#settings.closeTimeoutMs, this.#topics);
    let handler: ConnectionHandler | undefined;
    webSocket.on("message", (data: Buffer, isBinary: boolean) => {
      this.#alive.set(webSocket, true);
      if (!connection.closing) handler?.message(isBinary ? data : data.toString("utf8"));
    });
    webSocket.on("pong", () => this.#alive.set(webSocket, true));
    // A frame over the limit or bad UTF-8: `ws` closes by itself and `close` follows.
    webSocket.on("error", () => {});
    webSocket.on("close", (code) => {
      this.#alive.delete(webSocket);
      connection.ended();
      handler?.closed(code);
    });
    if (path === STREAM_PATH) handler = this.#application.connect(connection, request);
    else handler = this.#application.watch?.(connection, { ...request, path });
  }

  #ping(): void {
    for (const [webSocket, alive] of this.#alive) {
      if (!alive) {
        webSocket.terminate();
        continue;
      }
      this.#alive.set(webSocket, false);
      webSocket.ping();
    }
  }

  async #respond(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    outgoing.on("error", () => outgoing.destroy());
    const body = await readBody(incoming, this.#settings.bodyMaxBytes).catch(() => "aborted" as const);
    if (body === "aborted") return;
    const [path, query = ""] = splitUrl(incoming.url);
    const left = new AbortController();
    outgoing.on("close", () => left.abort());
    const request: HttpRequest = {
      method: incoming.method ?? "GET",
      path,
      query,
      header: (name) => headerOf(incoming, name),
      peer: incoming.socket.remoteAddress ?? "",
      body,
      signal: left.signal,
    };
    const response = await this.#application.respond(request);
    if (response.open !== undefined && request.method !== "HEAD") {
      outgoing.writeHead(response.status, response.headers);
      outgoing.flushHeaders();
      const gone = response.open(new WsBody(outgoing));
      if (left.signal.aborted) gone();
      else left.signal.addEventListener("abort", gone, { once: true });
      return;
    }
    const bytes = Buffer.from(response.body);
    const headers: Record<string, string> = { ...response.headers };
    if (response.status !== 304) headers["content-length"] = String(bytes.byteLength);
    if (body === undefined) headers.connection = "close";
    outgoing.writeHead(response.status, headers);
    outgoing.end(request.method === "HEAD" || response.status === 304 ? undefined : bytes);
  }
}

class WsBody implements OpenBody {
  readonly #outgoing: ServerResponse;

  constructor(outgoing: ServerResponse) {
    this.#outgoing = outgoing;
  }

  get bufferedBytes(): number {
    return this.#outgoing.writableLength;
  }

  write(text: string): void {
    if (!this.#outgoing.destroyed) this.#outgoing.write(text);
  }

  close(): void {
    this.#outgoing.destroy();
  }
}

class WsConnection implements Connection {
  readonly #webSocket: WebSocket;
  readonly #closeTimeoutMs: number;
  readonly #topics: Topics;
  #timer: NodeJS.Timeout | undefined;
  closing = false;

  constructor(webSocket: WebSocket, closeTimeoutMs: number, topics: Topics) {
    this.#webSocket = webSocket;
    this.#closeTimeoutMs = closeTimeoutMs;
    this.#topics = topics;
  }

  get bufferedBytes(): number {
    return this.#webSocket.bufferedAmount;
  }

  send(frame: string): void {
    if (!this.closing) this.#webSocket.send(frame, () => {});
  }

  subscribe(topic: string, onSlow: () => void): void {
    if (!this.closing) this.#topics.subscribe(topic, this, onSlow);
  }

  close(code: CloseCode, reason: string, timeoutMs = this.#closeTimeoutMs): void {
    if (this.closing) return;
    this.closing = true;
    this.#topics.leave(this);
    this.#timer = setTimeout(() => this.#webSocket.terminate(), timeoutMs);
    this.#webSocket.close(code, reason);
  }

  ended(): void {
    this.closing = true;
    this.#topics.leave(this);
    clearTimeout(this.#timer);
  }
}

function headerOf(incoming: IncomingMessage, name: string): string {
  return [incoming.headers[name] ?? ""].flat().join(", ");
}

function splitUrl(url: string | undefined): string[] {
  const at = (url ?? "/").indexOf("?");
  return at < 0 ? [url ?? "/"] : [(url ?? "/").slice(0, at), (url ?? "/").slice(at + 1)];
}

/** The body, or undefined where it is over the limit. Rejects where the client went away. */
async function readBody(incoming: IncomingMessage, maxBytes: number): Promise<Uint8Array | undefined> {
  if (Number(incoming.headers["content-length"] ?? 0) > maxBytes) {
    incoming.resume();
    return undefined;
  }
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of incoming) {
    bytes += chunk.length;
    if (bytes > maxBytes) {
      incoming.resume();
      return undefined;
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, bytes);
}

/** Answers an upgrade that does not become a stream with plain HTTP. */
function refuse(socket: Duplex, response: HttpResponse): void {
  const bytes = Buffer.from(response.body);
  const headers = { ...response.headers, "content-length": String(bytes.byteLength), connection: "close" };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(
    `HTTP/1.1 ${response.status} ${STATUS_TEXT[response.status]}\r\n${lines.join("")}\r\n${bytes.toString("utf8")}`,
  );
}
