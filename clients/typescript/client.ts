// A stream to a Souffleur server that lasts longer than its connections: what is said and what is answered comes once.
import { ClientError } from "./client-error.ts";
import { Listeners, Queue } from "./events.ts";
import { Frames, partsOf } from "./frames.ts";
import { Ledger, weightOf } from "./ledger.ts";
import { DEFAULT_RECONNECT, Link, type ReconnectSettings } from "./link.ts";
import type {
  DeltaMessage,
  DoneMessage,
  ErrorMessage,
  FinalMessage,
  NoticeMessage,
  ReadyMessage,
  ReviseMessage,
  SaidMessage,
  ServerMessage,
  StreamSettings,
  TextMessage,
} from "./messages.ts";
import { Seam, type WithdrawnMessage } from "./seam.ts";
import { findSocket, type SocketConstructor, streamUrl } from "./socket.ts";

export interface ClientOptions extends StreamSettings {
  /** The server's address, such as `wss://captions.example`, or the stream's own. */
  url: string | URL;
  /** The key, where the server needs one. Not for pages: use `token`. */
  key?: string;
  /** Fetches a short-lived token from your own server (`POST /v1/token`). Called for every connection. */
  token?: (signal: AbortSignal) => string | Promise<string>;
  /** Aborts everything: the stream is left, and whatever waits is rejected with the signal's reason. */
  signal?: AbortSignal;
  /** The constructor to use where the environment has none. */
  WebSocket?: SocketConstructor;
  /** Pauses between attempts; false: a lost connection ends the stream. */
  reconnect?: Partial<ReconnectSettings> | false;
  /** Characters that may wait to be sent before `send` waits. 64,000 by default. */
  bufferCharacters?: number;
  /** Milliseconds between pings, which keep an idle stream open and find a dead connection. 15,000 by default; 0: none. */
  pingMs?: number;
}

/** `waiting`: the connection is lost, and another is tried after a pause. */
export type ClientState = "connecting" | "open" | "waiting" | "closed";

export interface StateChange {
  state: ClientState;
  /** Why the connection is not open. */
  reason?: ClientError;
  retryInMs?: number;
}

/** An error that the stream outlives. `said`: the text that the server did not take, and that is not sent again by itself. */
export interface Refusal extends ErrorMessage {
  said?: TextMessage | ReviseMessage;
}

/** What `for await` gives. */
export type StreamMessage = DeltaMessage | FinalMessage | WithdrawnMessage | NoticeMessage | Refusal | DoneMessage;

type MessageEvents = { [Message in StreamMessage as Message["type"]]: Message };

export interface ClientEvents extends MessageEvents {
  /** Each time a connection is ready. */
  ready: ReadyMessage;
  state: StateChange;
  /** The stream is over; with the error that ended it, if one did. */
  close: ClientError | undefined;
}

/** Weight of text that may be under way without a final: under the server's own limit, so that none of it is refused. */
const WINDOW = 8_000;
/** Messages that may be under way unacknowledged. */
const IN_FLIGHT_MAX = 200;
/** Calls that may wait for room in the buffer. */
const WAITING_MAX = 1_000;
/** How soon a full socket is looked at again. */
const FULL_SOCKET_MS = 20;

/**
 * Opens a stream. Resolves when the server is ready for text.
 * @throws ClientError where the server refuses, or is not there
 */
export async function connect(options: ClientOptions): Promise<SouffleurClient> {
  options.signal?.throwIfAborted();
  const client = new SouffleurClient(options, options.WebSocket ?? (await findSocket()));
  await client.opened;
  return client;
}

interface Waiting {
  messages: SaidMessage[];
  resolve: () => void;
  reject: (error: unknown) => void;
}

/** Made by `connect`. */
export class SouffleurClient implements AsyncIterable<StreamMessage> {
  /** @internal */
  readonly opened: Promise<void>;
  readonly #options: ClientOptions;
  readonly #url: URL;
  readonly #link: Link;
  readonly #listeners = new Listeners<ClientEvents>();
  readonly #queue = new Queue<StreamMessage>();
  readonly #frames = new Frames();
  readonly #ledger = new Ledger();
  readonly #seam = new Seam();
  readonly #leaving = new AbortController();
  #waiting: Waiting[] = [];
  #state: ClientState = "connecting";
  #ready: ReadyMessage | undefined;
  /** The session that a new connection goes on with. */
  #session: string | undefined;
  #resuming = false;
  #key: string | undefined;
  /** The server can take a session up again, and acknowledges. */
  #resumable = false;
  #lastSeq = 0;
  #weightUnderWay = 0;
  /** Nothing is sent for a while. */
  #held = false;
  #ending = false;
  #done = deferred<DoneMessage>();
  #open = deferred<void>();
  #pumpTimer: ReturnType<typeof setTimeout> | undefined;

  /** @internal */
  constructor(options: ClientOptions, Socket: SocketConstructor) {
    this.#options = options;
    this.#url = streamUrl(options.url);
    const { reconnect = {}, pingMs = 15_000, signal } = options;
    this.#link = new Link(
      {
        greet: () => this.#greet(),
        receive: (message) => this.#receive(message),
        ping: () => this.#ping(),
        connecting: () => this.#become({ state: "connecting" }),
        lost: (reason, retryInMs) => this.#become({ state: "waiting", reason, retryInMs }),
      },
      { Socket, reconnect: reconnect === false ? undefined : { ...DEFAULT_RECONNECT, ...reconnect }, pingMs },
    );
    this.opened = this.#open.promise;
    const abort = () => this.#close(signal?.reason);
    signal?.addEventListener("abort", abort, { once: true });
    this.#link.run().catch((error: unknown) => this.#close(error));
  }

  get state(): ClientState {
    return this.#state;
  }

  /** What the server said of the stream: model, languages, wait, limits. */
  get ready(): ReadyMessage {
    if (this.#ready === undefined) throw new ClientError("closed", "the stream was never open");
    return this.#ready;
  }

  /**
   * Says text, cut wherever you like; spaces matter. Resolves when there is room for more.
   * @param options.at when it was said, in milliseconds of the speaker's clock
   */
  async send(text: string, options: { at?: number } = {}): Promise<void> {
    await this.#say(partsOf(text).map((part) => ({ type: "text", text: part, ...timeOf(options) })));
  }

  /**
   * Says a recogniser's whole hypothesis of what was said since the last `commit`.
   * @param options.stable so many of its first characters (UTF-16 units) will not change
   * @throws ClientError `too_long` past the server's limit: commit more often
   */
  async revise(text: string, options: { stable?: number; at?: number } = {}): Promise<void> {
    const limit = this.#ready?.limits.textCharacters ?? Number.POSITIVE_INFINITY;
    if (text.length > limit) {
      throw new ClientError("too_long", `a hypothesis may have ${limit} characters, not ${text.length}: commit before`);
    }
    const { stable } = options;
    await this.#say([{ type: "revise", text, ...timeOf(options), ...(stable === undefined ? {} : { stable }) }]);
  }

  /** What was said is complete: it is translated to its end. */
  async commit(): Promise<void> {
    await this.#say([{ type: "commit" }]);
  }

  /** Says that nothing more comes; resolves when all of it is translated. */
  async end(): Promise<DoneMessage> {
    const said = this.#say([{ type: "end" }]);
    this.#ending = true;
    await said;
    return this.#done.promise;
  }

  /** Leaves at once, whatever is open. */
  close(): void {
    this.#close(undefined);
  }

  /** @returns what takes the listener away again */
  on<Name extends keyof ClientEvents>(name: Name, listener: (value: ClientEvents[Name]) => void): () => void {
    if (name === "delta" || name === "final") this.#queue.unwanted();
    return this.#listeners.add(name, listener);
  }

  /** Everything since the stream began, to its end. Throws the error that ended it. One reader at a time. */
  [Symbol.asyncIterator](): AsyncGenerator<StreamMessage, void> {
    return this.#queue.read();
  }

  #say(messages: SaidMessage[]): Promise<void> {
    if (this.#state === "closed" || this.#ending) {
      return Promise.reject(new ClientError("closed", "the stream is over: nothing more can be said"));
    }
    if (this.#waiting.length >= WAITING_MAX) {
      const message = `${WAITING_MAX} calls wait for room already: await send() before the next one`;
      return Promise.reject(new ClientError("buffer_full", message));
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ messages, resolve, reject });
      this.#pump();
    });
  }

  /** What waits goes into the buffer as far as there is room, and from there to the server as far as it takes it. */
  #pump(): void {
    this.#admit();
    while (this.#mayWrite()) {
      const message = this.#frames.peek();
      if (message === undefined) break;
      if (message.type === "text") this.#weightUnderWay += weightOf(message.text);
      const seq = this.#frames.take();
      this.#link.send(this.#resumable ? { ...message, seq, received: this.#lastSeq } : message);
      if (!this.#resumable) this.#frames.forgetSent();
      this.#admit();
    }
    const isFull = this.#link.ready && !this.#link.writable;
    if (isFull && this.#frames.peek() !== undefined) this.#pumpLater(FULL_SOCKET_MS);
  }

  #admit(): void {
    const room = this.#options.bufferCharacters ?? 64_000;
    while (this.#waiting.length > 0 && this.#frames.unsentCharacters < room) {
      const [{ messages, resolve, reject }] = this.#waiting.splice(0, 1);
      try {
        for (const message of messages) {
          this.#ledger.check(message.type);
          this.#ledger.add(this.#frames.add(this.#ledger.told(message)));
        }
        resolve();
      } catch (error) {
        reject(error);
      }
    }
  }

  #mayWrite(): boolean {
    const next = this.#frames.peek();
    if (next === undefined || this.#held || !this.#link.writable || this.#frames.inFlight >= IN_FLIGHT_MAX)
      return false;
    if (next.type !== "text" || this.#weightUnderWay === 0) return true;
    return this.#weightUnderWay + weightOf(next.text) <= WINDOW;
  }

  #pumpLater(ms: number): void {
    if (this.#pumpTimer !== undefined) return;
    this.#pumpTimer = setTimeout(() => {
      this.#pumpTimer = undefined;
      this.#pump();
    }, ms);
  }

  async #greet(): Promise<{ url: string; message: object }> {
    this.#key = this.#options.key ?? (await this.#token());
    this.#resuming = this.#session !== undefined;
    const resume = { type: "resume", session: this.#session, seq: this.#lastSeq, key: this.#key };
    return { url: this.#url.href, message: this.#resuming ? resume : this.#start() };
  }

  #start(): object {
    const { source, target, wait, model, timings, glossary, formality, captions, room } = this.#options;
    const settings = { source, target, wait, model, timings, glossary, formality, captions, room };
    return { type: "start", ...settings, resume: true, key: this.#key };
  }

  async #token(): Promise<string | undefined> {
    const { token } = this.#options;
    try {
      return await token?.(this.#leaving.signal);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new ClientError("token", `no token could be fetched: ${reason}`, { cause: error });
    }
  }

  #receive(message: ServerMessage): void {
    // This client asks for nothing tentative.
    if (this.#state === "closed" || message.type === "tentative") return;
    const { received } = message;
    // What concerns the connection alone has no number.
    const seq = message.type === "ready" ? undefined : message.seq;
    if (seq !== undefined) {
      if (seq <= this.#lastSeq) return;
      if (seq > this.#lastSeq + 1) {
        // Something is missing: the next connection asks for it.
        this.#link.detach();
        return;
      }
      this.#lastSeq = seq;
    }
    try {
      this.#handle(message, received);
    } catch (error) {
      this.#close(error);
      return;
    }
    if (received !== undefined) this.#frames.received(received);
    this.#pump();
  }

  #handle(message: ServerMessage, received: number | undefined): void {
    switch (message.type) {
      case "ready":
        this.#begin(message, received);
        break;
      case "delta":
      case "final":
        for (const given of this.#seam.take(message)) this.#give(given);
        for (const source of this.#seam.settled()) this.#settled(this.#ledger.settle(source));
        break;
      case "error":
        this.#refused(message, received);
        break;
      case "notice":
        this.#give(message);
        break;
      case "done":
        this.#give(message);
        this.#done.resolve(message);
        this.#close(undefined);
        break;
      case "pong":
        break;
    }
  }

  #begin(message: ReadyMessage, received: number | undefined): void {
    this.#ready = message;
    if (this.#resuming) {
      if (received !== undefined) this.#frames.received(received);
      this.#rewind();
    } else {
      this.#resumable = message.resumeGraceMs !== undefined;
      this.#session = this.#resumable ? message.session : undefined;
      this.#lastSeq = 0;
      this.#seam.setTargets([message.target].flat());
      this.#sayAgain();
    }
    this.#become({ state: "open" });
    this.#listeners.emit("ready", message);
    this.#open.resolve();
  }

  /** A session that knows nothing yet is told all that has no final. */
  #sayAgain(): void {
    this.#seam.restart();
    this.#frames.clear();
    this.#weightUnderWay = 0;
    for (const message of this.#ledger.again()) this.#frames.push(message);
    if (this.#ending && this.#waiting.length === 0) this.#frames.push({ type: "end" });
  }

  #refused(error: ErrorMessage, received: number | undefined): void {
    if (error.fatal) {
      // Its session is over, unless only this connection was at fault.
      if (error.code !== "slow_consumer") this.#session = undefined;
      return;
    }
    if (!this.#link.ready) {
      this.#refusedStart(error);
      return;
    }
    const gap = error.code === "bad_request" && error.field === "seq";
    if (gap || (error.code === "rate_limited" && error.field === undefined)) {
      if (this.#resumable) this.#hold((error.retryAfter ?? 1) * 1000);
      else this.#give(error);
      return;
    }
    // A server that stops takes no more text; the next one is told it again.
    if (error.code === "shutting_down") return;
    const said = received === undefined ? undefined : this.#frames.sent(received);
    if (said?.type === "text") {
      this.#ledger.refuse(said);
      this.#settled(weightOf(said.text));
    }
    const isText = said?.type === "text" || said?.type === "revise";
    this.#give({ ...error, ...(isText ? { said } : {}) });
  }

  /** The server left out what came after a message that it did not take: all of it goes again, after a pause. */
  #hold(ms: number): void {
    if (this.#held) return;
    this.#held = true;
    setTimeout(() => {
      this.#held = false;
      this.#rewind();
      this.#pump();
    }, ms);
  }

  #rewind(): void {
    for (const message of this.#frames.rewind()) {
      if (message.type === "text") this.#settled(weightOf(message.text));
    }
  }

  #settled(weight: number): void {
    this.#weightUnderWay = this.#ledger.empty ? 0 : Math.max(0, this.#weightUnderWay - weight);
  }

  /** The answer to the first message of a connection was not `ready`. */
  #refusedStart(error: ErrorMessage): void {
    if (!this.#resuming) throw ClientError.of(error);
    this.#resuming = false;
    this.#session = undefined;
    this.#link.send(this.#start());
  }

  #ping(): void {
    if (this.#frames.peek() !== undefined) return;
    this.#frames.push({ type: "ping" });
    this.#pump();
  }

  #give(message: StreamMessage): void {
    this.#queue.push(message);
    // Each type of message is the event of its own name, which a union of them cannot tell.
    this.#listeners.emit(message.type, message as never);
  }

  #become(change: StateChange): void {
    if (this.#state === "closed") return;
    this.#state = change.state;
    this.#listeners.emit("state", change);
  }

  /** @param error what ended the stream; undefined where that was meant */
  #close(error: unknown): void {
    if (this.#state === "closed") return;
    const left = error ?? new ClientError("closed", "the stream is over");
    this.#become({ state: "closed", ...(error instanceof ClientError ? { reason: error } : {}) });
    clearTimeout(this.#pumpTimer);
    this.#leaving.abort(left);
    this.#link.stop();
    for (const { reject } of this.#waiting.splice(0)) reject(left);
    this.#open.reject(left);
    this.#done.reject(left);
    this.#queue.end(error);
    this.#listeners.emit("close", error instanceof ClientError ? error : undefined);
  }
}

function timeOf({ at }: { at?: number }): { at?: number } {
  return at === undefined ? {} : { at };
}

interface Deferred<Value> {
  promise: Promise<Value>;
  resolve(value: Value): void;
  reject(error: unknown): void;
}

/** A promise that may be rejected while nobody awaits it. */
function deferred<Value>(): Deferred<Value> {
  let resolve: (value: Value) => void = () => {};
  let reject: (error: unknown) => void = () => {};
  const promise = new Promise<Value>((give, fail) => {
    resolve = give;
    reject = fail;
  });
  promise.catch(() => {});
  return { promise, resolve, reject };
}
