// A stream to a Souffleur server that lasts longer than its connections: what is said and what is answered comes once.
import { ClientError } from "./client-error.ts";
import type { ClientEvents, ClientOptions, ClientState, StateChange, StreamMessage } from "./client-options.ts";
import { deferred } from "./deferred.ts";
import { Listeners, Queue } from "./events.ts";
import { partsOf } from "./frames.ts";
import { DEFAULT_RECONNECT, Link } from "./link.ts";
import type { DoneMessage, ErrorMessage, ReadyMessage, ServerMessage } from "./messages.ts";
import { Outgoing } from "./outgoing.ts";
import { Seam } from "./seam.ts";
import { findSocket, type SocketConstructor, streamUrl } from "./socket.ts";

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

/** Made by `connect`. */
export class SouffleurClient implements AsyncIterable<StreamMessage> {
  /** @internal */
  readonly opened: Promise<void>;
  readonly #options: ClientOptions;
  readonly #url: URL;
  readonly #link: Link;
  readonly #listeners = new Listeners<ClientEvents>();
  readonly #queue = new Queue<StreamMessage>();
  readonly #outgoing: Outgoing;
  readonly #seam = new Seam();
  readonly #leaving = new AbortController();
  #state: ClientState = "connecting";
  #ready: ReadyMessage | undefined;
  /** The session that a new connection goes on with. */
  #session: string | undefined;
  #resuming = false;
  #key: string | undefined;
  #lastSeq = 0;
  #done = deferred<DoneMessage>();
  #open = deferred<void>();

  /** @internal */
  constructor(options: ClientOptions, Socket: SocketConstructor) {
    this.#options = options;
    this.#url = streamUrl(options.url);
    const { reconnect = {}, pingMs = 15_000, signal, bufferCharacters = 64_000 } = options;
    this.#link = new Link(
      {
        greet: () => this.#greet(),
        receive: (message) => this.#receive(message),
        ping: () => this.#outgoing.ping(),
        connecting: () => this.#become({ state: "connecting" }),
        lost: (reason, retryInMs) => this.#become({ state: "waiting", reason, retryInMs }),
      },
      { Socket, reconnect: reconnect === false ? undefined : { ...DEFAULT_RECONNECT, ...reconnect }, pingMs },
    );
    this.#outgoing = new Outgoing(this.#link, { room: bufferCharacters, lastSeq: () => this.#lastSeq });
    this.opened = this.#open.promise;
    // The listener goes with the stream.
    const abort = () => this.#close(signal?.reason);
    signal?.addEventListener("abort", abort, { once: true });
    this.#leaving.signal.addEventListener("abort", () => signal?.removeEventListener("abort", abort));
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
   * @throws ClientError `closed`, `mixed`, `buffer_full`; RangeError for a time that is none
   */
  async send(text: string, options: { at?: number } = {}): Promise<void> {
    await this.#outgoing.say(partsOf(text).map((part) => ({ type: "text", text: part, ...timeOf(options) })));
  }

  /**
   * Says a recogniser's whole hypothesis of what was said since the last `commit`.
   * @param options.stable so many of its first characters (UTF-16 units) will not change
   * @throws ClientError as `send`, and `too_long` past the server's limit: commit more often; RangeError
   */
  async revise(text: string, options: { stable?: number; at?: number } = {}): Promise<void> {
    const limit = this.#ready?.limits.textCharacters ?? Number.POSITIVE_INFINITY;
    if (text.length > limit) {
      throw new ClientError("too_long", `a hypothesis may have ${limit} characters, not ${text.length}: commit before`);
    }
    const { stable } = options;
    if (stable !== undefined && !(Number.isInteger(stable) && stable >= 0 && stable <= text.length)) {
      throw new RangeError(`stable is a number of the text's characters, 0 to ${text.length}, not ${stable}`);
    }
    const shape = { ...timeOf(options), ...(stable === undefined ? {} : { stable }) };
    await this.#outgoing.say([{ type: "revise", text, ...shape }]);
  }

  /** What was said is complete: it is translated to its end. */
  async commit(): Promise<void> {
    await this.#outgoing.say([{ type: "commit" }]);
  }

  /** Says that nothing more comes; resolves when all of it is translated. */
  async end(): Promise<DoneMessage> {
    await this.#outgoing.say([{ type: "end" }]);
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

  async #greet(): Promise<{ url: string; message: object }> {
    this.#key = this.#options.key ?? (await this.#token());
    this.#resuming = this.#session !== undefined;
    const resume = { type: "resume", session: this.#session, seq: this.#lastSeq, key: this.#key };
    return { url: this.#url.href, message: this.#resuming ? resume : this.#start() };
  }

  #start(): object {
    // The rest is the server's: whatever it knows, this client passes on.
    const { url, token, signal, WebSocket, reconnect, bufferCharacters, pingMs, ...settings } = this.#options;
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
    if (this.#state === "closed") return;
    // What concerns the connection alone has no number, nor what promises nothing.
    const seq = message.type === "ready" || message.type === "tentative" ? undefined : message.seq;
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
      this.#handle(message);
    } catch (error) {
      this.#close(error);
      return;
    }
    if (message.type !== "tentative" && message.received !== undefined) this.#outgoing.received(message.received);
    this.#outgoing.pump();
  }

  #handle(message: ServerMessage): void {
    switch (message.type) {
      case "ready":
        this.#begin(message);
        break;
      case "delta":
      case "final":
        for (const given of this.#seam.take(message)) this.#give(given);
        for (const source of this.#seam.settled()) this.#outgoing.settle(source);
        break;
      case "tentative":
        for (const given of this.#seam.takeTentative(message)) this.#give(given);
        break;
      case "error":
        this.#refused(message);
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

  #begin(message: ReadyMessage): void {
    this.#ready = message;
    const { resumeGraceMs, received = 0 } = message;
    if (this.#resuming) this.#outgoing.resume(received);
    else {
      const isResumable = resumeGraceMs !== undefined;
      this.#session = isResumable ? message.session : undefined;
      this.#lastSeq = 0;
      this.#seam.setTargets([message.target].flat());
      this.#seam.restart();
      this.#outgoing.restart(isResumable);
    }
    this.#become({ state: "open" });
    this.#listeners.emit("ready", message);
    this.#open.resolve();
  }

  #refused(error: ErrorMessage): void {
    const { code, field, received, retryAfter = 1 } = error;
    if (error.fatal) {
      // Its session is over, unless only this connection was at fault.
      if (code !== "slow_consumer") this.#session = undefined;
    } else if (!this.#link.ready) this.#refusedStart(error);
    // What it cannot read it never will, and it takes nothing after it.
    else if (code === "bad_message") throw ClientError.of(error);
    else if (this.#session !== undefined && (field === "seq" || (code === "rate_limited" && field === undefined))) {
      this.#outgoing.hold(retryAfter * 1000);
    }
    // A server that stops takes no more text; the next one is told it again.
    else if (code !== "shutting_down") {
      const said = received === undefined ? undefined : this.#outgoing.refuse(received);
      this.#give({ ...error, ...(said === undefined ? {} : { said }) });
    }
  }

  /** The answer to the first message of a connection was not `ready`. */
  #refusedStart(error: ErrorMessage): void {
    if (!this.#resuming) throw ClientError.of(error);
    this.#resuming = false;
    this.#session = undefined;
    this.#link.send(this.#start());
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
    this.#leaving.abort(left);
    this.#link.stop();
    this.#outgoing.close(left);
    this.#open.reject(left);
    this.#done.reject(left);
    this.#queue.end(error);
    this.#listeners.emit("close", error instanceof ClientError ? error : undefined);
  }
}

function timeOf({ at }: { at?: number }): { at?: number } {
  if (at === undefined) return {};
  if (!(Number.isFinite(at) && at >= 0)) throw new RangeError(`at is a time in milliseconds, 0 or more, not ${at}`);
  return { at };
}
