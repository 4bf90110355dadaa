// What a stream asks of the server around it, and what it shows of itself.
import type { Wait } from "../../models/wait.ts";
import type { Caller } from "../admission/caller.ts";
import type { Visit } from "../admission/visit.ts";
import type { SessionOutcome } from "../metrics.ts";
import type { StreamSettings } from "../protocol/client-messages.ts";
import type { CloseCode, ErrorCode } from "../protocol/close-codes.ts";
import type { ServedPair } from "../protocol/pairs.ts";
import type { NoticeMessage } from "../protocol/server-messages.ts";
import type { DeltaMeasure, FinalMeasure, SessionMessage } from "../session/session-event.ts";
import type { SessionRunner } from "../session/session-runner.ts";
import type { Resumables } from "./resumables.ts";
import type { StreamRequest } from "./transport.ts";

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
  tentative: boolean;
  caller: Caller;
}

/** What is told of a stream to those who count and log. */
export interface StreamView {
  readonly id: string;
  /** "en-de", or "en-de+fr" where it has several targets, once the stream has started. */
  readonly pair: string;
  readonly started: boolean;
  readonly outcome: SessionOutcome;
  readonly words: number;
  readonly segments: number;
  readonly openMs: number;
}

/** What streams share: what is served, who may come in, the clock, and where things are counted. */
export interface StreamHost {
  readonly models: readonly StreamModel[];
  readonly idleTimeoutMs: number;
  readonly textMaxCharacters: number;
  /** The streams that another connection may go on with. */
  readonly resumables: Resumables;
  /** Lets a connection in. Throws ProtocolError where it may not, or no new stream may open now. */
  admit(request: StreamRequest): Visit;
  /** @param pairs one for each target, in the client's order */
  openSession(pairs: readonly ServedPair[], settings: OpenSettings, callbacks: SessionCallbacks): StreamSession;
  sessionId(): string;
  /** Milliseconds, monotonic. */
  now(): number;
  onReady(stream: StreamView): void;
  onMeasure(pair: string, measure: DeltaMeasure | FinalMeasure, message: SessionMessage, stream: StreamView): void;
  onError(code: ErrorCode, stream: StreamView): void;
  onNotice(code: NoticeMessage["code"]): void;
  /** The stream has lost its connection and waits for another. */
  onDetached(stream: StreamView): void;
  /** It goes on over another. */
  onResumed(stream: StreamView): void;
  /** A fault of ours, for the log. */
  onFault(error: unknown, stream: StreamView): void;
  /** A connection is gone. Called once for each. */
  onDisconnected(code: number): void;
  /** The stream is over. Called once; `code` is how its last connection ended. */
  onClosed(stream: StreamView, code: number): void;
}
