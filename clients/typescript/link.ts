// The connection: opened, watched for silence, and opened again after a loss with growing, random pauses.
import { ClientError } from "./client-error.ts";
import { type ErrorMessage, readServerMessage, type ServerMessage } from "./messages.ts";
import { OPEN, type Socket, type SocketConstructor } from "./socket.ts";

export interface ReconnectSettings {
  /** The first pause after a loss is at most this; each further one twice as long. */
  firstDelayMs: number;
  maxDelayMs: number;
  /** Without a stream for so long, the client gives up. */
  giveUpMs: number;
}

export const DEFAULT_RECONNECT: ReconnectSettings = { firstDelayMs: 250, maxDelayMs: 10_000, giveUpMs: 120_000 };

const SUBPROTOCOL = "souffleur.v1";
/** From opening a socket to `ready`. */
const READY_TIMEOUT_MS = 15_000;
/** A connection that held this long starts the pauses anew. */
const STEADY_MS = 5_000;
/** Bytes that may wait in the socket before nothing more is given to it. */
const SOCKET_MAX_BYTES = 256 * 1024;
/** Closes a connection, and lets the session wait for the next one. */
const DETACH_CODE = 4_000;

/** Close codes after which to connect again does not help. */
const LASTING: Record<number, string> = {
  1000: "the server closed the stream",
  1008: "the server refused the stream",
  1009: "a message was too large",
};

export interface LinkHost {
  /** The address and the first message of a connection. */
  greet(): Promise<{ url: string; message: object }>;
  receive(message: ServerMessage): void;
  /** Asks for an answer; the link hears whether one comes. */
  ping(): void;
  /** A connection was lost, and the next is tried after a pause. */
  lost(reason: ClientError, retryInMs: number): void;
  connecting(): void;
}

export class Link {
  readonly #host: LinkHost;
  readonly #Socket: SocketConstructor;
  readonly #reconnect: ReconnectSettings | undefined;
  readonly #pingMs: number;
  #socket: Socket | undefined;
  /** Ends the connection from this side, as it would end from the other. */
  #drop: (code: number) => void = () => {};
  #wake: () => void = () => {};
  #stopped = false;
  /** When `ready` came on this connection; undefined before that. */
  #readyAt: number | undefined;
  #wasReady = false;
  #heardAt = 0;
  /** The fatal error that came before a close. */
  #fatal: ErrorMessage | undefined;

  constructor(
    host: LinkHost,
    options: { Socket: SocketConstructor; reconnect: ReconnectSettings | undefined; pingMs: number },
  ) {
    this.#host = host;
    this.#Socket = options.Socket;
    this.#reconnect = options.reconnect;
    this.#pingMs = options.pingMs;
  }

  /** Whether a message may be given to the socket now. */
  get writable(): boolean {
    return this.#readyAt !== undefined && (this.#socket?.bufferedAmount ?? SOCKET_MAX_BYTES) < SOCKET_MAX_BYTES;
  }

  get ready(): boolean {
    return this.#readyAt !== undefined;
  }

  send(message: object): void {
    if (this.#socket?.readyState === OPEN) this.#socket.send(JSON.stringify(message));
  }

  /** Gives this connection up and opens another; the session waits. */
  detach(): void {
    this.#drop(DETACH_CODE);
  }

  /** Leaves for good. */
  stop(): void {
    this.#stopped = true;
    this.#drop(1000);
    this.#wake();
  }

  /** Keeps a connection open until `stop`. Rejects with a ClientError where that cannot or should not be. */
  async run(): Promise<void> {
    let attempts = 0;
    let lostAt = performance.now();
    while (!this.#stopped) {
      this.#fatal = undefined;
      this.#host.connecting();
      const { code, cause } = await this.#connection();
      if (this.#stopped) return;
      const now = performance.now();
      if (this.#readyAt !== undefined) {
        lostAt = now;
        if (now - this.#readyAt >= STEADY_MS) attempts = 0;
      }
      this.#readyAt = undefined;
      const reason = cause ?? this.#reason(code);
      if (!this.#mayComeBack(code, reason) || this.#reconnect === undefined) throw reason;
      const { firstDelayMs, maxDelayMs, giveUpMs } = this.#reconnect;
      if (now - lostAt >= giveUpMs) throw reason;
      const backoffMs = Math.min(maxDelayMs, firstDelayMs * 2 ** attempts) * (0.5 + Math.random() / 2);
      const delayMs = Math.max(backoffMs, (reason.retryAfter ?? 0) * 1000);
      attempts += 1;
      this.#host.lost(reason, delayMs);
      await this.#pause(delayMs);
    }
  }

  #reason(code: number): ClientError {
    if (this.#fatal !== undefined) return ClientError.of(this.#fatal);
    if (!this.#wasReady) return new ClientError("connection", `no stream could be opened (close code ${code})`);
    return new ClientError("lost", LASTING[code] ?? `the connection was lost (close code ${code})`);
  }

  /** A server that was never reached may not be there at all: the program decides. */
  #mayComeBack(code: number, reason: ClientError): boolean {
    return this.#wasReady && !(code in LASTING) && reason.code !== "unread";
  }

  /** One connection, from its opening to its end. Resolves with its close code. */
  async #connection(): Promise<{ code: number; cause?: ClientError }> {
    let socket: Socket;
    let first: object;
    try {
      const { url, message } = await this.#host.greet();
      first = message;
      if (this.#stopped) return { code: 1000 };
      socket = new this.#Socket(url, SUBPROTOCOL);
    } catch (error) {
      if (error instanceof ClientError) return { code: 1006, cause: error };
      const message = error instanceof Error ? error.message : String(error);
      return { code: 1006, cause: new ClientError("connection", message, { cause: error }) };
    }
    this.#socket = socket;
    const timers = this.#watch();
    try {
      return await new Promise((resolve) => {
        this.#drop = (code) => {
          socket.close(code);
          resolve({ code: 1006 });
        };
        // What comes after the end of a connection is not heard.
        const isOpen = () => this.#socket === socket;
        socket.addEventListener("open", () => isOpen() && this.send(first));
        socket.addEventListener("message", (event: { data: unknown }) => isOpen() && this.#hear(event.data));
        socket.addEventListener("close", ({ code }: { code: number }) => resolve({ code }));
        // A close follows, and tells as much.
        socket.addEventListener("error", () => {});
      });
    } finally {
      this.#socket = undefined;
      this.#drop = () => {};
      for (const timer of timers) clearInterval(timer);
    }
  }

  #hear(data: unknown): void {
    this.#heardAt = performance.now();
    let message: ServerMessage | undefined;
    try {
      message = readServerMessage(data);
    } catch {
      // Not a server of ours, or a frame that was damaged: another connection tells.
      this.detach();
      return;
    }
    if (message === undefined) return;
    if (message.type === "ready") {
      this.#readyAt = this.#heardAt;
      this.#wasReady = true;
    }
    if (message.type === "error" && message.fatal) this.#fatal = message;
    this.#host.receive(message);
  }

  /** A connection can be gone without a word: where nothing answers a ping, it is given up. */
  #watch(): ReturnType<typeof setInterval>[] {
    const openedAt = performance.now();
    this.#heardAt = openedAt;
    const timers = [
      setInterval(() => {
        if (this.#readyAt === undefined) this.detach();
      }, READY_TIMEOUT_MS),
    ];
    let askedAt: number | undefined;
    if (this.#pingMs > 0) {
      timers.push(
        setInterval(() => {
          if (this.#readyAt === undefined) return;
          if (askedAt !== undefined && this.#heardAt < askedAt) {
            this.detach();
            return;
          }
          askedAt = performance.now();
          this.#host.ping();
        }, this.#pingMs),
      );
    }
    return timers;
  }

  /** Shorter where a browser says that the network is back. */
  async #pause(ms: number): Promise<void> {
    const page: unknown = globalThis;
    const events = page instanceof EventTarget ? page : undefined;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
      events?.addEventListener("online", this.#wake, { once: true });
    });
    events?.removeEventListener("online", this.#wake);
  }
}
