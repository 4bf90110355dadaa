// What an engine is to the rest of the server: sessions open segments, push source tokens, and get target ids back.

import type { Wait } from "../../models/wait.ts";

/** What one step gave one segment. Times are in milliseconds. */
export interface EngineOutput {
  /** Target ids to append, after the CTC collapse; often empty. */
  ids: number[];
  /** Source tokens read in this segment so far, a prefix of tags among them, without EOS. */
  tokensRead: number;
  /**
   * Source positions, a prefix among them, that had to be read for the oldest part of this output; more than the segment
   * has: its end. 0 when the step opened no chunk.
   */
  needs: number;
  /** True on the segment's last output: its state is freed, nothing follows. */
  done: boolean;
  /** From the moment the oldest token of the row was handed to the engine to the start of its step. */
  queueMs: number;
  /** What the whole step took, all rows together. */
  computeMs: number;
  /** Rows in the step. */
  batchSize: number;
}

/** Why a segment has no more output. Its state is freed before this is told. */
export interface EngineFailure {
  code: "internal" | "overloaded" | "shutting_down";
  message: string;
}

/** A segment to open. Callbacks run in later turns, never inside a call into the engine but for `Engine.close`. */
export interface SegmentRequest {
  wait: Wait;
  onOutput(output: EngineOutput): void;
  /**
   * Where it is given: told, when a worker has nothing better to do, of the target ids that would follow what was written if
   * the source ended now. Each replaces the last; an output takes it away. There may be none.
   */
  onTail?: ((ids: number[]) => void) | undefined;
  onFailure(failure: EngineFailure): void;
}

/** One open segment. Calls after `end`'s last output, a failure or `cancel` do nothing. */
export interface EngineSegment {
  /** Hands source token ids over: tags before the first, no other specials. */
  push(ids: readonly number[]): void;
  /** The source has ended: what is left is decoded and the last output says `done`. */
  end(): void;
  /** Frees the segment; no callback comes after this. */
  cancel(): void;
}

/** One stream's place in the engine, for one model: the unit of fairness, pinned to one worker while it has segments. */
export interface EngineSession {
  openSegment(request: SegmentRequest): EngineSegment;
  /** Cancels every open segment. */
  close(): void;
}

/** What one step did, for metrics. Times are in milliseconds. */
export interface StepStats {
  model: string;
  worker: number;
  batchSize: number;
  /** New source tokens and new chunks in the step, over all rows. */
  tokens: number;
  chunks: number;
  /** Each row's time in the queue. */
  queueMs: number[];
  /** Choosing the rows. */
  batchMs: number;
  /** Running the step graph, gathering of states included. */
  computeMs: number;
  /** From the end of the step to when all its outputs had been delivered in this thread, callbacks included. */
  deliverMs: number;
}

/** Figures of this moment. */
export interface EngineGauges {
  /** Workers that can run steps now, and how many there should be. */
  workersUp: number;
  workers: number;
  /** Segments with something to run, over all workers, as of their last step. */
  queueDepth: number;
  openSegments: number;
  /** Bytes of state held for open segments, as of each worker's last step. */
  stateBytes: number;
  workerRestarts: number;
}

/** How a model runs: the labels of `souffleur_engine_info`. */
export interface EngineModelInfo {
  model: string;
  provider: string;
  precision: string;
}

export interface Engine {
  /** False only while no worker can run steps: what `/readyz` says. */
  readonly ready: boolean;
  readonly models: readonly EngineModelInfo[];
  /** Throws RangeError for a model that the engine was not given. */
  openSession(model: string): EngineSession;
  gauges(): EngineGauges;
  /** Fails open segments with `shutting_down`, stops the workers; resolves when they are gone. */
  close(): Promise<void>;
}
