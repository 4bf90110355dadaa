// One stream: frames to messages to its session, and the session's messages to its connection. One that can be resumed
// outlives its connection for a while.
import { onlySettings } from "../admission/admission.ts";
import type { Visit } from "../admission/visit.ts";
import type { SessionOutcome } from "../metrics.ts";
import type {
  ClientMessage,
  ResumeMessage,
  ReviseMessage,
  StreamSettings,
  TextMessage,
} from "../protocol/client-messages.ts";
import { type CloseCode, ERROR_RULES, type ErrorCode } from "../protocol/close-codes.ts";
import { REFUSED_IN_A_ROW_MAX, UNAUTHORIZED_TIMEOUT_MS } from "../protocol/limits.ts";
import { choosePairs } from "../protocol/pairs.ts";
import { parseClientMessage } from "../protocol/parse-message.ts";
import { ProtocolError, toProtocolError } from "../protocol/protocol-error.ts";
import { parseQuerySettings } from "../protocol/query-settings.ts";
import type { ErrorMessage } from "../protocol/server-messages.ts";
import type { DeltaMeasure, FinalMeasure, SessionMessage } from "../session/session-event.ts";
import { Delivery } from "./delivery.ts";
import type { Link, LinkedStream } from "./link.ts";
import { longestWait, readyMessage } from "./ready.ts";
import type { Resumable, TakeOver } from "./resumables.ts";
import type { Said } from "./resumption.ts";
import type { StreamHost, StreamSession, StreamView } from "./stream-host.ts";
import type { StreamRequest } from "./transport.ts";

/** Ends of a connection with which the client leaves for good; after any other it may come back. */
const LEFT_FOR_GOOD = [1000, 1005];
/** What a stream is closed with whose client did not come back. */
const LOST = 1006;

export class Stream implements StreamView, LinkedStream, Resumable {
  readonly id: string;
  readonly #host: StreamHost;
  readonly #openedAt: number;
  readonly #delivery: Delivery;
  #visit: Visit | undefined;
  #session: StreamSession | undefined;
  #source = "";
  #targets: readonly string[] = [];
  #room: string | undefined;
  #pair = "";
  #lastMessageAt: number;
  #draining = false;
  /** Nothing more is read from or sent to the client. */
  #ended = false;
  /** The host was told that it is over. */
  #over = false;
  #outcome: SessionOutcome = "left";
  /** Whether the message that is being handled was not taken; how many before it were not. */
  #refused = false;
  #refusedInARow = 0;
  /** The longest hypothesis since the last `commit`, in UTF-16 units. */
  #hypothesisLength = 0;
  /** What ended the session, where it ended itself. */
  #sessionError: ErrorCode | undefined;

  constructor(host: StreamHost, link: Link, request: StreamRequest) {
    this.#host = host;
    this.#delivery = new Delivery(link, () => host.now(), host.resumables);
    this.id = host.sessionId();
    this.#openedAt = host.now();
    this.#lastMessageAt = this.#openedAt;
    this.#guard(() => this.#open(request));
  }

  /** "en-de", or "en-de+fr" where it has several targets, once the stream has started. */
  get pair(): string {
    return this.#pair;
  }

  get started(): boolean {
    return this.#session !== undefined;
  }

  /** Whether the stream is over; its connection may still be closing. */
  get ended(): boolean {
    return this.#ended;
  }

  get outcome(): SessionOutcome {
    return this.#outcome;
  }

  get words(): number {
    return this.#session?.words ?? 0;
  }

  get segments(): number {
    return this.#session?.segments ?? 0;
  }

  get openMs(): number {
    return this.#host.now() - this.#openedAt;
  }

  get bufferedBytes(): number {
    return this.#delivery.link?.bufferedBytes ?? 0;
  }

  get keptBytes(): number {
    return this.#delivery.resumption?.keptBytes ?? 0;
  }

  /** Whether it waits for a connection to go on over. */
  get detached(): boolean {
    return this.#delivery.detached;
  }

  message(frame: string | Uint8Array): void {
    if (this.#ended) return;
    this.#lastMessageAt = this.#host.now();
    this.#refused = false;
    this.#guard(() => {
      const excess = this.#visit?.message();
      if (excess !== undefined) {
        this.#report(excess);
        return;
      }
      const parsed = parseClientMessage(frame, { started: this.started, pairs: this.#host.models });
      if (!parsed.ok) this.#report(parsed.error);
      else if (this.#isNew(parsed.message)) this.#take(parsed.message);
    });
    this.#countRefusals();
  }

  unlinked(code: number): void {
    this.#delivery.forgetLink();
    const mayComeBack = this.#delivery.resumption !== undefined && !this.#draining && !LEFT_FOR_GOOD.includes(code);
    if (mayComeBack && !this.#ended) this.#detach();
    else this.#leave(code);
  }

  /** Closes the stream if it may not stay: its client does not read or come back, its key is owed or was taken back, or it is idle. */
  check(): void {
    if (this.#ended) return;
    if (this.detached) {
      const admitted = this.#visit?.admitted === true;
      if (!admitted) this.#outcome = "error";
      if (!admitted || this.#delivery.lost) this.#leave(LOST);
      return;
    }
    const slow = this.#delivery.stalled();
    if (slow !== undefined) this.#loseSlow(slow);
    this.#checkAdmitted();
    this.#checkIdle();
  }

  #checkAdmitted(): void {
    if (this.#ended || this.detached || this.#visit === undefined) return;
    const { refusal } = this.#visit;
    if (refusal !== undefined && !this.started && this.openMs >= UNAUTHORIZED_TIMEOUT_MS) this.#fail(refusal);
    if (this.#ended || this.#visit.admitted) return;
    if (this.#visit.known) this.#fail(new ProtocolError("unauthorized", "this key was taken back"));
    else if (this.openMs >= UNAUTHORIZED_TIMEOUT_MS)
      this.#fail(new ProtocolError("unauthorized", `no key came within ${UNAUTHORIZED_TIMEOUT_MS / 1000} seconds`));
  }

  /** No message has come for too long and nothing is owed to the client. */
  #checkIdle(): void {
    if (this.#ended || this.detached) return;
    if (this.#host.idleTimeoutMs === 0 || this.#session?.idle === false) return;
    if (this.#host.now() - this.#lastMessageAt < this.#host.idleTimeoutMs) return;
    this.#fail(
      new ProtocolError("idle_timeout", `no message came for ${Math.round(this.#host.idleTimeoutMs / 1000)} seconds`),
    );
  }

  /** Commits what is open; the stream is closed when the finals are out. */
  drain(): void {
    if (this.#ended || this.#draining) return;
    this.#draining = true;
    if (this.detached) {
      // Its client says again, elsewhere, what has no final: nothing here is worth waiting for.
      this.#outcome = "drained";
      this.#leave(LOST);
      return;
    }
    this.#guard(() => {
      this.#session?.commit();
      this.#checkDrained();
    });
  }

  /** Closes the stream now, whatever is open. */
  shutDown(): void {
    if (this.#ended) return;
    this.#outcome = "drained";
    this.#fail(new ProtocolError("shutting_down", "the server is shutting down: connect again"));
  }

  takeOver(link: Link, visit: Visit, { secret, seq, key }: TakeOver): boolean {
    if (this.#delivery.resumption?.opensWith(secret) !== true || this.#visit === undefined) return false;
    if (!visit.mayTakeOver(this.#visit, key)) return false;
    visit.checkScope(this.#source, this.#targets, this.#room);
    if (!this.#delivery.canGoOn(seq)) {
      if (this.detached) this.#leave(LOST);
      return false;
    }
    this.#unlink("taken_over", "another connection goes on with this stream");
    this.#lastMessageAt = this.#host.now();
    this.#delivery.goOn(link, this, seq);
    this.#host.onResumed(this);
    return true;
  }

  #open(request: StreamRequest): void {
    try {
      this.#visit = this.#host.admit(request);
      if (this.#visit.refusal !== undefined) this.#host.resumables.held += 1;
      const settings = parseQuerySettings(onlySettings(request.query));
      if (settings !== undefined) this.#start(settings);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      // No message can correct the query string: whatever is wrong with it is fatal.
      this.#fail(error);
    }
  }

  #take(message: ClientMessage): void {
    switch (message.type) {
      case "start":
        this.#start(message);
        break;
      case "resume":
        this.#resume(message);
        break;
      case "text":
        this.#takeText(message);
        break;
      case "revise":
        this.#takeHypothesis(message);
        break;
      case "commit":
        this.#hypothesisLength = 0;
        this.#visit?.commit();
        this.#session?.commit();
        break;
      case "end":
        if (this.#session === undefined) this.#finishUnstarted();
        else this.#session.end();
        break;
      case "ping":
        this.#send({ type: "pong", ...(message.id === undefined ? {} : { id: message.id }) });
        break;
    }
  }

  #takeText({ text, at }: TextMessage): void {
    if (this.#admits(text)) this.#session?.text(text, at);
  }

  /** Of a hypothesis those words count that it has more than any before it since the last `commit`. */
  #takeHypothesis({ text, stable, at }: ReviseMessage): void {
    if (!this.#admits(text.slice(this.#hypothesisLength))) return;
    this.#hypothesisLength = Math.max(this.#hypothesisLength, text.length);
    this.#session?.revise(text, { stable, at });
  }

  /** Whether text may be taken now; refuses it otherwise. */
  #admits(text: string): boolean {
    const refusal = this.#draining ? this.#textRefused() : this.#visit?.text(text);
    if (refusal === undefined) return true;
    this.#report(new ProtocolError(refusal.code, refusal.message, { ...refusal.details, field: "text", fatal: false }));
    return false;
  }

  /** Whether the message is to be taken; throws ProtocolError where one before it is missing. */
  #isNew(message: ClientMessage): boolean {
    const { resumption } = this.#delivery;
    if (resumption === undefined || message.type === "start" || message.type === "resume") return true;
    if (message.received !== undefined) resumption.acknowledge(message.received);
    return resumption.isNew(message.seq);
  }

  /** Hands the connection to the stream that is asked for, and is over itself. */
  #resume({ session, seq, key }: ResumeMessage): void {
    const found = this.#host.resumables.find(session);
    const [link, visit] = [this.#delivery.link, this.#visit];
    if (link === undefined || visit === undefined) return;
    if (found?.stream.takeOver(link, visit, { secret: found.secret, seq, key }) !== true) {
      throw new ProtocolError(
        "resume_failed",
        "there is no such stream here, or too much of it was missed: begin anew with `start`, with what has no final",
      );
    }
    this.#delivery.forgetLink();
    this.#leave(1000, true);
  }

  #start(settings: StreamSettings): void {
    if (this.#visit?.refusal !== undefined) throw this.#visit.refusal;
    if (settings.key !== undefined) this.#visit?.show(settings.key);
    if (this.#visit?.admitted !== true) throw new ProtocolError("unauthorized", "this server needs a key");
    const models = choosePairs(this.#host.models, settings);
    const [{ source }] = models;
    this.#visit.checkScope(
      source,
      models.map(({ target }) => target),
      settings.room,
    );
    const wait = settings.wait ?? longestWait(models);
    const { captions, room, glossary, formality } = settings;
    const { caller } = this.#visit;
    this.#session = this.#host.openSession(
      models,
      {
        wait,
        timings: settings.timings ?? false,
        tentative: settings.tentative ?? false,
        captions,
        room,
        glossary,
        formality,
        caller,
      },
      {
        emit: (message, measure) => this.#emit(message, measure),
        close: (code) => this.#finish(code, this.#sessionError),
      },
    );
    this.#source = source;
    this.#room = room;
    this.#targets = models.map(({ target }) => target);
    this.#pair = `${source}-${this.#targets.join("+")}`;
    const resumable = settings.resume === true && this.#host.resumables.limits.graceMs > 0;
    if (resumable) {
      this.#visit.canBeResumed();
      this.#host.resumables.add(this);
    }
    this.#delivery.open(readyMessage(this.id, models, wait, this.#host), resumable);
    this.#host.onReady(this);
  }

  #emit(message: SessionMessage, measure: DeltaMeasure | FinalMeasure | undefined): void {
    if (this.#ended) return;
    if (message.type === "tentative") {
      this.#delivery.sayTentatively(message);
      return;
    }
    if (message.type === "error") {
      this.#refused = true;
      this.#host.onError(message.code, this);
      if (message.fatal) {
        this.#outcome = "error";
        this.#sessionError = message.code;
      }
    }
    if (message.type === "notice") this.#host.onNotice(message.code);
    if (message.type === "done") this.#outcome = "done";
    this.#send(message);
    if (measure !== undefined && "target" in message) {
      this.#host.onMeasure(`${this.#source}-${message.target}`, measure, message, this);
    }
    // The session is idle only when it has done all that this message came with.
    if (this.#draining) setImmediate(() => this.#checkDrained());
  }

  #checkDrained(): void {
    if (this.#session === undefined || this.#session.idle) this.shutDown();
  }

  #finishUnstarted(): void {
    this.#outcome = "done";
    this.#send({ type: "done", segments: 0, words: 0, duration: Math.round(this.openMs) });
    this.#finish(1000);
  }

  #textRefused(): ProtocolError {
    return new ProtocolError("shutting_down", "the server is shutting down: this text was not taken", {
      field: "text",
      fatal: false,
    });
  }

  /** Who goes on and on with what is not taken does not read the answers. */
  #countRefusals(): void {
    this.#refusedInARow = this.#refused ? this.#refusedInARow + 1 : 0;
    if (this.#refusedInARow < REFUSED_IN_A_ROW_MAX) return;
    const message = `${REFUSED_IN_A_ROW_MAX} messages in a row were not taken`;
    this.#fail(new ProtocolError("rate_limited", message, { retryAfter: 5 }));
  }

  /** Tells the client what is wrong; ends the stream where nothing can follow. */
  #report(error: ProtocolError): void {
    if (error.fatal) this.#fail(error);
    else this.#sendError(error);
  }

  #fail(error: ProtocolError): void {
    if (this.#ended) return;
    if (this.#outcome === "left") this.#outcome = "error";
    this.#refused = true;
    this.#host.onError(error.code, this);
    // In a later turn: this may be inside one of the session's own calls.
    queueMicrotask(() => this.#session?.abort());
    const last = { type: "error", ...error.details, fatal: true } as const;
    this.#finish(ERROR_RULES[error.code].close, error.code, last);
  }

  #sendError(error: ProtocolError): void {
    this.#refused = true;
    this.#host.onError(error.code, this);
    this.#send({ type: "error", ...error.details, fatal: false });
  }

  #finish(code: CloseCode, reason?: string, last?: ErrorMessage): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#delivery.end(code, reason, last);
    // No connection's end will be told: in a later turn, as above.
    if (this.#delivery.link === undefined) queueMicrotask(() => this.#leave(code));
  }

  #send(message: Said): void {
    if (this.#ended) return;
    const slow = this.#delivery.say(message);
    if (slow !== undefined) this.#loseSlow(slow);
    if (this.#delivery.lost) queueMicrotask(() => this.#leave(LOST));
  }

  /** The client does not read: its connection ends, and the stream with it unless that can be resumed. */
  #loseSlow(why: string): void {
    if (this.#delivery.resumption === undefined || this.#draining) {
      this.#fail(new ProtocolError("slow_consumer", why));
      return;
    }
    this.#unlink("slow_consumer", why);
    this.#detach();
  }

  #unlink(code: "slow_consumer" | "taken_over", why: string): void {
    if (this.#delivery.link !== undefined) this.#host.onError(code, this);
    this.#delivery.unlink(code, why);
  }

  #detach(): void {
    this.#delivery.wait();
    this.#host.onDetached(this);
  }

  /**
   * The stream is over: what it held is free.
   * @param gaveAway whether another stream goes on with its connection
   */
  #leave(code: number, gaveAway = false): void {
    if (this.#over) return;
    this.#over = true;
    this.#ended = true;
    this.#session?.abort();
    if (this.#visit?.refusal !== undefined) this.#host.resumables.held -= 1;
    if (gaveAway) this.#visit?.giveBack();
    else this.#visit?.leave();
    // Whoever did not get its last words may still ask for them, unless the server goes away.
    if (this.#delivery.ended && this.#delivery.resumption !== undefined && !this.#draining) {
      this.#host.resumables.ended(this, this.#host.now());
    } else this.#host.resumables.delete(this);
    this.#delivery.stopWaiting();
    this.#host.onClosed(this, code);
  }

  /** One stream's fault ends that stream and no other. */
  #guard(step: () => void): void {
    try {
      step();
    } catch (error) {
      if (error instanceof ProtocolError) {
        this.#report(error);
        return;
      }
      this.#host.onFault(error, this);
      this.#fail(toProtocolError(error));
    }
  }
}
