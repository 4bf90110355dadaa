// Who is told of the engine's steps and of its workers' comings and goings: metrics and the log.

import type { StepStats } from "./engine.ts";
import { monotonicMs, type StepReport } from "./engine-command.ts";

export interface EngineObserver {
  step?(stats: StepStats): void;
  workerUp?(event: { worker: number }): void;
  /** `reason` has no text of users; `openSegments` are run again on other workers. */
  workerDown?(event: { worker: number; reason: string; openSegments: number }): void;
}

/** Tells the observer of a report that has just been delivered. */
export function observeStep(observer: EngineObserver | undefined, report: StepReport, worker: number): void {
  if (!report.stats || !observer?.step) return;
  observer.step({ ...report.stats, worker, deliverMs: Math.max(0, monotonicMs() - report.sentAt) });
}
