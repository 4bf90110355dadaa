// The in-memory transport: tests talk to the application without sockets, and turn the peer's reading on and off.
import type { HttpRequest } from "../http/request.ts";
import type { HttpResponse } from "../http/response.ts";
import type { CloseCode } from "../protocol/close-codes.ts";
import { SUBPROTOCOL } from "../protocol/limits.ts";
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

/** The client's end of a connection in memory. */
export interface MemoryClient {
  /** Frames that have arrived. */
  readonly frames: string[];
  readonly subprotocol: string;
  /** How the connection ended; undefined while it is open. */
  readonly closed: { code: number; reason: string } | undefined;
  send(frame: string | Uint8Array): void;
  close(code?: number): void;
  /** While paused nothing arrives and the server's outbox fills. */
  pause(): void;
  resume(): void;
  /** Called for each frame that arrives and once for the end. */
  onChange: () => void;
}

const NOTHING_SHOWN: StreamRequest = { query: "", authorization: "", origin: "", forwardedFor: "", peer: "127.0.0.1" };

export class MemoryTransport implements Transport {
  readonly name = "memory";
  readonly #application: Application;
  readonly #settings: TransportSettings;
  readonly #open = new Set<MemoryPeer>();
  readonly #topics: Topics;

  constructor(application: Application, settings: TransportSettings) {
    this.#application = application;
    this.#settings = settings;
    this.#topics = new Topics(settings.topicBacklogMaxBytes);
  }

  listen(port: number): Promise<number> {
    return Promise.resolve(port);
  }

  /** Opens a connection, or throws where the subprotocol is refused. */
  connect(query = "", given: { subprotocol?: string } & Partial<StreamRequest> = {}): MemoryClient {
    const { subprotocol = SUBPROTOCOL, ...shown } = given;
    const negotiated = negotiateSubprotocol(subprotocol);
    if ("refusal" in negotiated) throw new Error(`refused with ${negotiated.refusal.status}`);
    const peer = this.#peer(negotiated.subprotocol);
    peer.handler = this.#application.connect(peer, { ...NOTHING_SHOWN, ...shown, query });
    return peer.client;
  }

  /** Opens a connection on another path than a stream's, as a viewer does. */
  watch(path: string, query = "", shown: Partial<StreamRequest> = {}): MemoryClient {
    const peer = this.#peer("");
    peer.handler = this.#application.watch?.(peer, { ...NOTHING_SHOWN, ...shown, query, path });
    return peer.client;
  }

  publish(topic: string, frame: string): number {
    return this.#topics.publish(topic, frame);
  }

  #peer(subprotocol: string): MemoryPeer {
    const peer = new MemoryPeer(subprotocol, this.#settings, this.#topics, () => this.#open.delete(peer));
    this.#open.add(peer);
    return peer;
  }

  /** Makes an HTTP request. */
  request(
    method: string,
    path: string,
    options: { headers?: Record<string, string>; body?: string; signal?: AbortSignal } = {},
  ): Promise<HttpResponse> {
    const [pathOnly, query = ""] = path.split("?");
    const body = new TextEncoder().encode(options.body ?? "");
    const request: HttpRequest = {
      method,
      path: pathOnly,
      query,
      header: (name) => options.headers?.[name] ?? "",
      peer: NOTHING_SHOWN.peer,
      body: body.byteLength > this.#settings.bodyMaxBytes ? undefined : body,
      signal: options.signal ?? new AbortController().signal,
    };
    return this.#application.respond(request);
  }

  close(): Promise<void> {
    for (const peer of this.#open) peer.end(1006, "");
    return Promise.resolve();
  }
}

class MemoryPeer implements Connection {
  handler: ConnectionHandler | undefined;
  readonly client: MemoryClient;
  readonly #settings: TransportSettings;
  readonly #topics: Topics;
  readonly #onEnd: () => void;
  readonly #outbox: string[] = [];
  #bufferedBytes = 0;
  #paused = false;
  #closing: { code: CloseCode; reason: string; timer: NodeJS.Timeout } | undefined;
  #closed: { code: number; reason: string } | undefined;

  constructor(subprotocol: string, settings: TransportSettings, topics: Topics, onEnd: () => void) {
    this.#settings = settings;
    this.#topics = topics;
    this.#onEnd = onEnd;
    const closedOf = () => this.#closed;
    this.client = {
      frames: [],
      subprotocol,
      get closed() {
        return closedOf();
      },
      send: (frame) => this.#receive(frame),
      close: (code = 1000) => this.end(code, ""),
      pause: () => {
        this.#paused = true;
      },
      resume: () => {
        this.#paused = false;
        this.#flush();
      },
      onChange: () => {},
    };
  }

  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  send(frame: string): void {
    if (this.#closing !== undefined || this.#closed !== undefined) return;
    this.#outbox.push(frame);
    this.#bufferedBytes += Buffer.byteLength(frame);
    this.#flush();
  }

  subscribe(topic: string, onSlow: () => void): void {
    if (this.#closing === undefined && this.#closed === undefined) this.#topics.subscribe(topic, this, onSlow);
  }

  close(code: CloseCode, reason: string, timeoutMs = this.#settings.closeTimeoutMs): void {
    if (this.#closing !== undefined || this.#closed !== undefined) return;
    this.#topics.leave(this);
    const timer = setTimeout(() => this.end(1006, ""), timeoutMs);
    this.#closing = { code, reason, timer };
    // As with sockets, `closed` comes in a later turn, never inside this call.
    queueMicrotask(() => this.#flush());
  }

  end(code: number, reason: string): void {
    if (this.#closed !== undefined) return;
    this.#closed = { code, reason };
    this.#topics.leave(this);
    clearTimeout(this.#closing?.timer);
    this.#onEnd();
    this.handler?.closed(code);
    this.client.onChange();
  }

  #receive(frame: string | Uint8Array): void {
    if (this.#closing !== undefined || this.#closed !== undefined) return;
    const bytes = typeof frame === "string" ? Buffer.byteLength(frame) : frame.byteLength;
    if (bytes > this.#settings.frameMaxBytes) this.end(1009, "");
    else this.handler?.message(frame);
  }

  #flush(): void {
    if (this.#paused || this.#closed !== undefined) return;
    for (const frame of this.#outbox.splice(0)) {
      this.client.frames.push(frame);
      this.client.onChange();
    }
    this.#bufferedBytes = 0;
    if (this.#closing !== undefined) this.end(this.#closing.code, this.#closing.reason);
  }
}
