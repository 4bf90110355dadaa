// What a session is told and what it asks for: events in, actions out.

import type { EngineFailure, EngineOutput } from "../engine/engine.ts";
import type { CloseCode } from "../protocol/close-codes.ts";
import type {
  DeltaMessage,
  DoneMessage,
  ErrorMessage,
  FinalMessage,
  NoticeMessage,
  TentativeMessage,
} from "../protocol/server-messages.ts";

export type SessionEvent =
  /** Source text to append. `at`: milliseconds of the speaker's clock. */
  | { type: "text"; text: string; at?: number }
  /** The whole hypothesis since the last `commit`; its first `stable` characters will not change. */
  | { type: "revise"; text: string; stable?: number; at?: number }
  /** The open segment is complete. Without open text it does nothing: no segment is made. */
  | { type: "commit" }
  /** Flush, send what is left, `done`, close 1000. */
  | { type: "end" }
  /** The client is gone: cancel everything, say nothing. */
  | { type: "abort" }
  /** The target ids that would follow if the source ended now; what was told before of it is over. */
  | { type: "tail"; target: number; segment: number; ids: number[] }
  | { type: "output"; target: number; segment: number; output: EngineOutput }
  | { type: "failure"; target: number; segment: number; failure: EngineFailure };

/** `target` in engine actions is the index in the session's targets; (target, segment) names one engine segment. */
export type SessionAction =
  | { type: "open"; target: number; segment: number }
  | { type: "push"; target: number; segment: number; ids: number[] }
  | { type: "finish"; target: number; segment: number }
  | { type: "cancel"; target: number; segment: number }
  | { type: "emit"; message: SessionMessage; measure?: DeltaMeasure | FinalMeasure }
  /** Always the last action; nothing is emitted after it. */
  | { type: "close"; code: CloseCode };

/**
 * `seq` counts the session's deltas and finals together, from 1. A segment's first delta has no leading space: a client
 * joins segments with one. The deltas and finals of one target come strictly in order.
 */
export type SessionMessage =
  | DeltaMessage
  | TentativeMessage
  | FinalMessage
  | ErrorMessage
  | NoticeMessage
  | DoneMessage;

/** What metrics want to know of a delta, whether the client asked for timings or not. Milliseconds. */
export interface DeltaMeasure {
  type: "delta";
  latencyMs: number;
  queueMs: number;
  computeMs: number;
  /** Since the segment's first word arrived; only on its first delta. */
  firstDeltaMs?: number;
}

/** What metrics want to know of a final. */
export interface FinalMeasure {
  type: "final";
  sourceWords: number;
  sourceTokens: number;
  targetTokens: number;
  /** From what ended the segment (commit, end, white space after a full stop) to its final. */
  finalMs: number;
  /** Source words; absent when nothing was written. */
  averageLagging?: number;
}
