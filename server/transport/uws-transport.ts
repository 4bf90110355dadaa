// The transport over uWebSockets.js: one native event loop for sockets and HTTP, a few KB for an idle stream.
import type * as UWebSockets from "uWebSockets.js";
import type { Shown } from "../admission/caller.ts";
import type { HttpRequest } from "../http/request.ts";
import { type HttpResponse, type OpenBody, STATUS_TEXT } from "../http/response.ts";
import type { CloseCode } from "../protocol/close-codes.ts";
import { CAPTIONS_PATH, ROOMS_PATH, STREAM_PATH } from "../protocol/limits.ts";
import { negotiateSubprotocol } from "./subprotocol.ts";
import type { Application, Connection, ConnectionHandler, Transport, TransportSettings } from "./transport.ts";

declare module "uWebSockets.js" {
  interface TemplatedApp {
    /** In the binary, but missing from the package's types. */
    listen(
      host: string,
      port: number,
      options: ListenOptions,
      callback: (socket: us_listen_socket | false) => void,
    ): TemplatedApp;
  }
  /** The constant is exported by itself; the enum of the types is not. */
  const LIBUS_LISTEN_EXCLUSIVE_PORT: ListenOptions;
}

/** What uWebSockets.js keeps for each socket. */
interface SocketData {
  /** Until the connection is open. */
  shown?: Shown;
  path: string;
  connection?: UwsConnection;
  handler?: ConnectionHandler;
}

type Socket = UWebSockets.WebSocket<SocketData>;

/** Longer bodies are handed over as the client takes them: the library would keep a copy of the rest for each. */
const WHOLE_BODY_BYTES = 256 * 1024;

/** What `send` gives for a frame that it has left out: the peer's backlog was over the limit. */
const DROPPED = 2;

export class UwsTransport implements Transport {
  readonly name = "uws";
  readonly #uws: typeof UWebSockets;
  readonly #application: Application;
  readonly #settings: TransportSettings;
  readonly #app: UWebSockets.TemplatedApp;
  #listening: UWebSockets.us_listen_socket | undefined;

  /** @param uws the package, loaded by `loadUws`, since its binary does not exist for every platform */
  constructor(uws: typeof UWebSockets, application: Application, settings: TransportSettings) {
    this.#uws = uws;
    this.#application = application;
    this.#settings = settings;
    this.#app = uws.App();
    this.#app.ws<SocketData>(STREAM_PATH, this.#behavior());
    this.#app.ws<SocketData>(`${CAPTIONS_PATH}*`, this.#behavior());
    this.#app.ws<SocketData>(`${ROOMS_PATH}*`, {
      ...this.#behavior(),
      maxBackpressure: settings.topicBacklogMaxBytes,
      dropped: (socket) => socket.getUserData().connection?.dropped(),
    });
    this.#app.any("/*", (response, request) => this.#respond(response, request));
  }

  listen(port: number, host: string): Promise<number> {
    return new Promise((resolve, reject) => {
      // Without this option a second server would share the port and take every other connection.
      this.#app.listen(host, port, this.#uws.LIBUS_LISTEN_EXCLUSIVE_PORT, (socket) => {
        if (socket === false) {
          reject(new Error(`cannot listen on ${host} port ${port}: is it in use?`));
          return;
        }
        this.#listening = socket;
        resolve(this.#uws.us_socket_local_port(socket));
      });
    });
  }

  publish(topic: string, frame: string): number {
    const subscribers = this.#app.numSubscribers(topic);
    if (subscribers > 0) this.#app.publish(topic, frame);
    return subscribers;
  }

  close(): Promise<void> {
    // Closes the listening socket as well.
    if (this.#listening !== undefined) this.#app.close();
    this.#listening = undefined;
    return Promise.resolve();
  }

  #behavior(): UWebSockets.WebSocketBehavior<SocketData> {
    return {
      maxPayloadLength: this.#settings.frameMaxBytes,
      maxBackpressure: this.#settings.backpressureMaxBytes,
      // In whole seconds, of which the library takes 8 to 960; pings go out by themselves before it is over.
      idleTimeout: Math.min(960, Math.max(8, Math.round(this.#settings.keepAliveMs / 1000))),
      sendPingsAutomatically: true,
      compression: this.#uws.DISABLED,
      upgrade: (response, request, context) => {
        const negotiated = negotiateSubprotocol(request.getHeader("sec-websocket-protocol"));
        if ("refusal" in negotiated) {
          write(response, negotiated.refusal, false);
          return;
        }
        const shown: Shown = {
          query: queryOf(request),
          authorization: request.getHeader("authorization"),
          origin: request.getHeader("origin"),
          forwardedFor: request.getHeader("x-forwarded-for"),
          peer: peerOf(response),
        };
        response.upgrade<SocketData>(
          { shown, path: request.getUrl() },
          request.getHeader("sec-websocket-key"),
          negotiated.subprotocol,
          request.getHeader("sec-websocket-extensions"),
          context,
        );
      },
      open: (socket) => {
        const data = socket.getUserData();
        data.connection = new UwsConnection(socket, this.#settings.closeTimeoutMs);
        if (data.shown === undefined) return;
        const { connection, path, shown } = data;
        if (path === STREAM_PATH) data.handler = this.#application.connect(connection, shown);
        else data.handler = this.#application.watch?.(connection, { ...shown, path });
        // Not kept: it holds a credential, and an idle connection should cost little.
        data.shown = undefined;
      },
      message: (socket, message, isBinary) => {
        const { connection, handler } = socket.getUserData();
        if (connection === undefined || connection.closing) return;
        handler?.message(isBinary ? new Uint8Array(message) : Buffer.from(message).toString("utf8"));
      },
      drain: (socket) => socket.getUserData().connection?.drained(),
      close: (socket, code) => {
        const { connection, handler } = socket.getUserData();
        connection?.ended();
        handler?.closed(code);
      },
    };
  }

  #respond(response: UWebSockets.HttpResponse, incoming: UWebSockets.HttpRequest): void {
    // The native request is gone after this turn: all that is asked of it later is copied.
    const headers = new Map<string, string>();
    incoming.forEach((name, value) => {
      headers.set(name, value);
    });
    const method = incoming.getCaseSensitiveMethod().toUpperCase();
    const request = {
      method,
      path: incoming.getUrl(),
      query: queryOf(incoming),
      header: (name: string) => headers.get(name) ?? "",
      peer: peerOf(response),
    };
    const left = new AbortController();
    let answered = false;
    response.onAborted(() => {
      left.abort();
    });
    const answer = async (body: Uint8Array | undefined): Promise<void> => {
      answered = true;
      const result = await this.#application.respond({ ...request, body, signal: left.signal } satisfies HttpRequest);
      if (left.signal.aborted) return;
      if (result.open !== undefined && method !== "HEAD") {
        response.cork(() => writeHead(response, result));
        left.signal.addEventListener("abort", result.open(new UwsBody(response, left.signal)), { once: true });
        return;
      }
      response.cork(() => write(response, result, method === "HEAD", body === undefined));
    };
    const chunks: Buffer[] = [];
    let bytes = 0;
    response.onData((chunk, isLast) => {
      if (answered) return;
      bytes += chunk.byteLength;
      if (bytes > this.#settings.bodyMaxBytes) {
        void answer(undefined);
        return;
      }
      // The chunk's memory is taken back after this call.
      if (chunk.byteLength > 0) chunks.push(Buffer.from(new Uint8Array(chunk)));
      if (isLast) void answer(Buffer.concat(chunks, bytes));
    });
  }
}

/** A body that goes on. The library keeps what the client has not taken, and tells when it has. */
class UwsBody implements OpenBody {
  readonly #response: UWebSockets.HttpResponse;
  readonly #left: AbortSignal;
  bufferedBytes = 0;

  constructor(response: UWebSockets.HttpResponse, left: AbortSignal) {
    this.#response = response;
    this.#left = left;
    response.onWritable(() => {
      this.bufferedBytes = 0;
      return true;
    });
  }

  write(text: string): void {
    if (this.#left.aborted) return;
    this.#response.cork(() => {
      if (!this.#response.write(text) || this.bufferedBytes > 0) this.bufferedBytes += Buffer.byteLength(text);
    });
  }

  close(): void {
    // Calls the handler of an aborted response.
    if (!this.#left.aborted) this.#response.close();
  }
}

class UwsConnection implements Connection {
  readonly #socket: Socket;
  readonly #closeTimeoutMs: number;
  #close: { code: CloseCode; reason: string; timer: NodeJS.Timeout } | undefined;
  #ended = false;
  #broken = false;
  #onSlow: (() => void) | undefined;

  constructor(socket: Socket, closeTimeoutMs: number) {
    this.#socket = socket;
    this.#closeTimeoutMs = closeTimeoutMs;
  }

  get closing(): boolean {
    return this.#ended || this.#broken || this.#close !== undefined;
  }

  get bufferedBytes(): number {
    return this.#ended ? 0 : this.#socket.getBufferedAmount();
  }

  send(frame: string): void {
    if (this.closing || this.#socket.send(frame) !== DROPPED) return;
    // A stream with a hole would look whole to its reader. In a later turn, as the caller is not done.
    this.#broken = true;
    setImmediate(() => this.#cut());
  }

  subscribe(topic: string, onSlow: () => void): void {
    if (this.closing) return;
    this.#onSlow = onSlow;
    this.#socket.subscribe(topic);
  }

  /** A topic's frame was left out: the peer's backlog is over the limit. */
  dropped(): void {
    // In a later turn: this may be in the middle of the library's own round of subscribers.
    const onSlow = this.#onSlow;
    this.#onSlow = undefined;
    if (onSlow === undefined) return;
    setImmediate(() => {
      if (this.#ended) return;
      this.#leaveTopics();
      onSlow();
    });
  }

  close(code: CloseCode, reason: string, timeoutMs = this.#closeTimeoutMs): void {
    if (this.closing) return;
    this.#leaveTopics();
    // Always in a later turn, as `end` calls the close handler at once. A peer that does not read is cut off in time.
    const timer = setTimeout(() => this.#cut(), timeoutMs);
    this.#close = { code, reason, timer };
    setImmediate(() => this.drained());
  }

  /** The outbox may be empty: then a close that waited for it is sent. */
  drained(): void {
    if (this.#ended || this.#close === undefined || this.#socket.getBufferedAmount() > 0) return;
    this.#socket.end(this.#close.code, this.#close.reason);
  }

  ended(): void {
    this.#ended = true;
    clearTimeout(this.#close?.timer);
  }

  #leaveTopics(): void {
    for (const topic of this.#socket.getTopics()) this.#socket.unsubscribe(topic);
  }

  #cut(): void {
    if (!this.#ended) this.#socket.close();
  }
}

/** Whatever its type says, `getQuery` gives undefined where the URL has no `?`. */
function queryOf(request: UWebSockets.HttpRequest): string {
  return request.getQuery() ?? "";
}

function peerOf(response: UWebSockets.HttpResponse): string {
  return Buffer.from(response.getRemoteAddressAsText()).toString("latin1");
}

function writeHead(response: UWebSockets.HttpResponse, result: HttpResponse): void {
  response.writeStatus(`${result.status} ${STATUS_TEXT[result.status] ?? ""}`.trimEnd());
  for (const [name, value] of Object.entries(result.headers)) response.writeHeader(name, value);
}

function write(response: UWebSockets.HttpResponse, result: HttpResponse, bodiless: boolean, close = false): void {
  writeHead(response, result);
  if (result.status === 304) response.endWithoutBody(undefined, close);
  else if (bodiless) response.endWithoutBody(Buffer.byteLength(result.body), close);
  else if (result.body.length <= WHOLE_BODY_BYTES) response.end(result.body, close);
  else writeAsTaken(response, Buffer.from(result.body));
}

function writeAsTaken(response: UWebSockets.HttpResponse, body: Uint8Array): void {
  response.onWritable((offset) => response.tryEnd(body.subarray(offset), body.byteLength)[0]);
  response.tryEnd(body, body.byteLength);
}
