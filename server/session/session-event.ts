// What a session is told and what it asks for: events in, actions out. The wire messages here have the protocol's shape.

import type { EngineFailure, EngineOutput } from "../engine/engine.ts";

export type SessionEvent =
  /** Source text to append. `at`: milliseconds of the speaker's clock. */
  | { type: "text"; text: string; at?: number }
  /** The open segment is complete. Without open text it does nothing: no segment is made. */
  | { type: "commit" }
  /** Flush, send what is left, `done`, close 1000. */
  | { type: "end" }
  /** The client is gone: cancel everything, say nothing. */
  | { type: "abort" }
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
  | { type: "close"; code: 1000 | 1011 };

/** Text to append to the segment. The segment's first delta has no leading space: a client joins segments with one. */
export interface DeltaMessage {
  type: "delta";
  segment: number;
  target: string;
  text: string;
  /** Source words (white-space-delimited) of the segment read when this was written. */
  read: number;
  /** Counts the session's deltas and finals together, from 1. */
  seq: number;
  /** With timings, milliseconds: since the word that allowed it arrived; and of that, in the queue and in the step. */
  latency?: number;
  queue?: number;
  compute?: number;
}

export interface FinalMessage {
  type: "final";
  segment: number;
  target: string;
  /** The segment's source, white space runs made one space. */
  source: string;
  /** The concatenation of the segment's deltas, always. */
  text: string;
  /** Milliseconds: the speaker's clock where `at` was given, else since the session began. */
  start: number;
  end: number;
  seq: number;
  /** With timings: milliseconds from what ended the segment to this; average lagging in source words (Ma et al. 2019). */
  latency?: number;
  averageLagging?: number;
}

export interface ErrorMessage {
  type: "error";
  code: "bad_request" | "too_large" | "overloaded" | "shutting_down" | "internal";
  message: string;
  field?: string;
  fatal: boolean;
  /** Seconds. */
  retryAfter?: number;
}

export interface DoneMessage {
  type: "done";
  segments: number;
  /** Source words. */
  words: number;
  /** Milliseconds since the session began. */
  duration: number;
}

export type SessionMessage = DeltaMessage | FinalMessage | ErrorMessage | DoneMessage;

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
