// One connection as a stream: frames to messages to its session, and the session's messages to the outbox.
import type { Wait } from "../../models/wait.ts";
import { withoutCredential } from "../admission/admission.ts";
import type { Caller } from "../admission/caller.ts";
import type { Visit } from "../admission/visit.ts";
import type { SessionOutcome } from "../metrics.ts";
import type { ClientMessage, ReviseMessage, StreamSettings, TextMessage } from "../protocol/client-messages.ts";
import { CLOSE_CODES, type CloseCode, ERROR_RULES, type ErrorCode } from "../protocol/close-codes.ts";
import {
  OUTBOX_MAX_BYTES,
  PAYLOAD_MAX_BYTES,
  REFUSED_IN_A_ROW_MAX,
  SLOW_CLOSE_MS,
  SUBPROTOCOL,
  UNAUTHORIZED_TIMEOUT_MS,
} from "../protocol/limits.ts";
import { choosePairs, type ServedPair } from "../protocol/pairs.ts";
import { parseClientMessage } from "../protocol/parse-message.ts";
import { ProtocolError, toProtocolError } from "../protocol/protocol-error.ts";
import { parseQuerySettings } from "../protocol/query-settings.ts";
import type { NoticeMessage, ServerMessage } from "../protocol/server-messages.ts";
import type { DeltaMeasure, FinalMeasure, SessionMessage } from "../session/session-event.ts";
import type { SessionRunner } from "../session/session-runner.ts";
import { Outbox } from "./outbox.ts";
import type { Connection, ConnectionHandler, StreamRequest } from "./transport.ts";

/** What a stream uses of a session. */
export type StreamSession = Pick<
  SessionRunner,
  "text" | "revise" | "commit" | "end" | "abort" | "closed" | "idle" | "words" | "segments"
>;

/** A model that is served, with what `ready` says of it. */
export interface StreamModel extends ServedPair {
  defaultWait: Wait;
  /** Source tokens of one segment. */
  segmentTokens: number;
}

export interface SessionCallbacks {
  emit(message: SessionMessage, measure?: DeltaMeasure | FinalMeasure): void;
  close(code: CloseCode): void;
  aborted?(): void;
}

/** What a stream asks of its session. */
export interface OpenSettings extends Pick<StreamSettings, "captions" | "room" | "glossary" | "formality"> {
  wait: Wait;
  timings: boolean;
  caller: Caller;
}

/** What streams share: what is served, who may come in, the clock, and where things are counted. */
export interface StreamHost {
  readonly models: readonly StreamModel[];
  readonly idleTimeoutMs: number;
  readonly textMaxCharacters: number;
  /** Lets a connection in. Throws ProtocolError where it may not, or no new stream may open now. */
  admit(request: StreamRequest): Visit;
  /** @param pairs one for each target, in the client's order */
  openSession(pairs: readonly ServedPair[], settings: OpenSettings, callbacks: SessionCallbacks): StreamSession;
  sessionId(): string;
  /** Milliseconds, monotonic. */
  now(): number;
  onReady(stream: Stream): void;
  onMeasure(pair: string, measure: DeltaMeasure | FinalMeasure, message: SessionMessage, stream: Stream): void;
  onError(code: ErrorCode, stream: Stream): void;
  onNotice(code: NoticeMessage["code"]): void;
  /** A fault of ours, for the log. */
  onFault(error: unknown, stream: Stream): void;
  /** The connection is gone. Called once. */
  onClosed(stream: Stream, code: number): void;
}

export class Stream implements ConnectionHandler {
  readonly id: string;
  readonly #host: StreamHost;
  readonly #connection: Connection;
  readonly #outbox: Outbox;
  readonly #openedAt: number;
  #visit: Visit | undefined;
  #session: StreamSession | undefined;
  #source = "";
  #pair = "";
  #lastMessageAt: number;
  #draining = false;
  /** Nothing more is read from or sent to the client. */
  #ended = false;
  #outcome: SessionOutcome = "left";
  /** Whether the message that is being handled was not taken; how many before it were not. */
  #refused = false;
  #refusedInARow = 0;
  /** The longest hypothesis since the last `commit`, in UTF-16 units. */
  #hypothesisLength = 0;
  /** What ended the session, where it ended itself. */
  #sessionError: ErrorCode | undefined;

  constructor(host: StreamHost, connection: Connection, request: StreamRequest) {
    this.#host = host;
    this.#connection = connection;
    this.#outbox = new Outbox(connection, () => host.now());
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
    return this.#connection.bufferedBytes;
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
      if (parsed.ok) this.#take(parsed.message);
      else this.#report(parsed.error);
    });
    this.#countRefusals();
  }

  closed(code: number): void {
    this.#ended = true;
    this.#session?.abort();
    this.#visit?.leave();
    this.#host.onClosed(this, code);
  }

  /** Closes the stream if it may not stay: its client does not read, its key is owed or was taken back, or it is idle. */
  check(): void {
    if (this.#ended) return;
    const slow = this.#outbox.stalled();
    if (slow !== undefined) this.#fail(new ProtocolError("slow_consumer", slow));
    this.#checkAdmitted();
    this.#checkIdle();
  }

  #checkAdmitted(): void {
    if (this.#ended || this.#visit === undefined || this.#visit.admitted) return;
    if (this.#visit.known) this.#fail(new ProtocolError("unauthorized", "this key was taken back"));
    else if (this.openMs >= UNAUTHORIZED_TIMEOUT_MS)
      this.#fail(new ProtocolError("unauthorized", `no key came within ${UNAUTHORIZED_TIMEOUT_MS / 1000} seconds`));
  }

  /** No message has come for too long and nothing is owed to the client. */
  #checkIdle(): void {
    if (this.#ended || this.#host.idleTimeoutMs === 0 || this.#session?.idle === false) return;
    if (this.#host.now() - this.#lastMessageAt < this.#host.idleTimeoutMs) return;
    this.#fail(
      new ProtocolError("idle_timeout", `no message came for ${Math.round(this.#host.idleTimeoutMs / 1000)} seconds`),
    );
  }

  /** Commits what is open; the stream is closed when the finals are out. */
  drain(): void {
    if (this.#ended || this.#draining) return;
    this.#draining = true;
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

  #open(request: StreamRequest): void {
    try {
      this.#visit = this.#host.admit(request);
      const settings = parseQuerySettings(withoutCredential(request.query));
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

  #start(settings: StreamSettings): void {
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
      { wait, timings: settings.timings ?? false, captions, room, glossary, formality, caller },
      {
        emit: (message, measure) => this.#emit(message, measure),
        close: (code) => this.#finish(code, this.#sessionError),
      },
    );
    const targets = models.map(({ target }) => target);
    const names = models.map(({ model }) => model);
    const several = models.length > 1;
    this.#source = source;
    this.#pair = `${source}-${targets.join("+")}`;
    this.#send({
      type: "ready",
      session: this.id,
      protocol: SUBPROTOCOL,
      model: several ? names : names[0],
      source,
      target: several ? targets : targets[0],
      wait,
      limits: {
        payloadBytes: PAYLOAD_MAX_BYTES,
        textCharacters: this.#host.textMaxCharacters,
        segmentTokens: Math.min(...models.map(({ segmentTokens }) => segmentTokens)),
        outboxBytes: OUTBOX_MAX_BYTES,
        idleTimeoutMs: this.#host.idleTimeoutMs,
      },
    });
    this.#host.onReady(this);
  }

  #emit(message: SessionMessage, measure: DeltaMeasure | FinalMeasure | undefined): void {
    if (this.#ended) return;
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
    else this.#sendError(error, false);
  }

  #fail(error: ProtocolError): void {
    if (this.#ended) return;
    if (this.#outcome === "left") this.#outcome = "error";
    this.#sendError(error, true);
    // In a later turn: this may be inside one of the session's own calls.
    queueMicrotask(() => this.#session?.abort());
    this.#finish(ERROR_RULES[error.code].close, error.code);
  }

  #sendError(error: ProtocolError, fatal: boolean): void {
    this.#refused = true;
    this.#host.onError(error.code, this);
    const message: ServerMessage = { type: "error", ...error.details, fatal };
    if (fatal) this.#outbox.sendLast(JSON.stringify(message));
    else this.#send(message);
  }

  #finish(code: CloseCode, reason: string = CLOSE_CODES[code].text): void {
    this.#ended = true;
    if (reason === "slow_consumer") this.#connection.close(code, reason, SLOW_CLOSE_MS);
    else this.#connection.close(code, reason);
  }

  #send(message: ServerMessage): void {
    if (this.#ended) return;
    const slow = this.#outbox.send(JSON.stringify(message));
    if (slow !== undefined) this.#fail(new ProtocolError("slow_consumer", slow));
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

/** The default of several models: the one that is furthest behind suits them all. */
function longestWait(models: readonly StreamModel[]): Wait {
  const waits = models.map(({ defaultWait }) => defaultWait);
  return waits.reduce((longest, wait) => (longest === "full" || wait === "full" ? "full" : Math.max(longest, wait)));
}
