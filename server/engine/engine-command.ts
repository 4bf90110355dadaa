// What crosses between a session's thread and the thread that runs its steps.

import type { Wait } from "../../models/wait.ts";
import type { EngineModelInfo, EngineOutput, StepStats } from "./engine.ts";
import type { PassedProvider } from "./provider.ts";

/** Segments and sessions are named by numbers that the sending side never uses twice. */
export type EngineCommand =
  | { type: "open"; segment: number; session: number; model: string; wait: Wait; tail?: boolean }
  | { type: "push"; segment: number; ids: readonly number[] }
  | { type: "end"; segment: number }
  | { type: "cancel"; segment: number };

/** Commands of one turn, with the time they were sent. */
export interface CommandBatch {
  type: "commands";
  commands: EngineCommand[];
  /** Milliseconds of `monotonicMs`. */
  sentAt: number;
}

/** What one step gave, to all its rows at once. */
export interface StepReport {
  type: "report";
  outputs: (EngineOutput & { segment: number })[];
  failures: { segment: number; message: string }[];
  /** Target ids that would follow what was written if the source ended now. After a step for tails alone, which has no `stats`. */
  tails?: { segment: number; ids: number[] }[];
  /** Absent when no step of segments ran: commands alone failed, or there were tails. */
  stats?: Omit<StepStats, "worker" | "deliverMs">;
  /** Milliseconds of `monotonicMs`. */
  sentAt: number;
  queueDepth: number;
  stateBytes: number;
}

/** To a worker. */
export type ThreadRequest = CommandBatch | { type: "ping" } | { type: "stop" };

/** A model's provider has failed, and the model goes on with another. */
export interface ProviderMove {
  model: string;
  from: string;
  to: string;
  /** The runtime's words; no text of users. */
  reason: string;
}

/**
 * From a worker: first `ready` or `failed`, then reports; a `pong` for each `ping`, between two steps. `passed` are the
 * providers that were tried before the one that serves.
 */
export type ThreadReply =
  | { type: "ready"; models: EngineModelInfo[]; passed?: readonly PassedProvider[] }
  | ({ type: "moved" } & ProviderMove)
  | { type: "failed"; message: string }
  | { type: "pong" }
  | StepReport;

/** Milliseconds of a clock that all threads of the process share. */
export function monotonicMs(): number {
  // Without a process it is a browser's worker: an engine in one thread.
  if (typeof process === "undefined") return performance.now();
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1e3 + nanoseconds / 1e6;
}
