// Who is told of the engine's steps and of its workers' comings and goings: metrics and the log.

import type { EngineModelInfo, StepStats } from "./engine.ts";
import { monotonicMs, type ProviderMove, type StepReport } from "./engine-command.ts";
import type { PassedProvider } from "./provider.ts";

export interface EngineObserver {
  step?(stats: StepStats): void;
  /** `passed`: providers that were tried before the one that its models run on. */
  workerUp?(event: { worker: number; models: readonly EngineModelInfo[]; passed: readonly PassedProvider[] }): void;
  /** A model goes on with another provider; its segments with it. */
  providerLost?(event: ProviderMove & { worker: number }): void;
  /** `reason` has no text of users; `openSegments` are run again on other workers. */
  workerDown?(event: { worker: number; reason: string; openSegments: number }): void;
}

/** Tells the observer of a report that has just been delivered. */
export function observeStep(observer: EngineObserver | undefined, report: StepReport, worker: number): void {
  if (!report.stats || !observer?.step) return;
  observer.step({ ...report.stats, worker, deliverMs: Math.max(0, monotonicMs() - report.sentAt) });
}
