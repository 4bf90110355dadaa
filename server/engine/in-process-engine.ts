// An engine in the caller's own thread: for tests, for tools that translate and do nothing else, and for a browser's worker.

import type { StepRunner } from "../../models/step-runner.ts";
import { Dispatcher } from "./dispatcher.ts";
import type { Engine, EngineGauges, EngineModelInfo, EngineSession } from "./engine.ts";
import { monotonicMs, type StepReport } from "./engine-command.ts";
import { DEFAULT_ENGINE_LIMITS, type EngineLimits } from "./engine-limits.ts";
import { type EngineObserver, observeStep } from "./engine-observer.ts";
import { inLaterTurn } from "./later-turn.ts";
import { PinnedSession } from "./pinned-session.ts";
import { StepLoop } from "./step-loop.ts";

export interface InProcessEngineOptions extends Partial<EngineLimits> {
  models: { name: string; runner: StepRunner; provider?: string; precision?: string }[];
  observer?: EngineObserver;
}

export class InProcessEngine implements Engine {
  readonly models: readonly EngineModelInfo[];
  readonly #dispatcher: Dispatcher;
  readonly #loop: StepLoop;
  #queueDepth = 0;
  #sessions = 0;
  #closed = false;

  constructor(options: InProcessEngineOptions) {
    const { models, observer, ...limits } = options;
    this.models = models.map(({ name, provider = "cpu", precision = "fp32" }) => ({
      model: name,
      provider,
      precision,
    }));
    this.#dispatcher = new Dispatcher((commands) => this.#loop.handle(commands, monotonicMs()));
    this.#loop = new StepLoop({
      ...DEFAULT_ENGINE_LIMITS,
      ...limits,
      runners: new Map(models.map(({ name, runner }) => [name, runner])),
      gather: () => new Promise(inLaterTurn),
      report: (report) => this.#deliver(report, observer),
    });
  }

  get ready(): boolean {
    return !this.#closed;
  }

  openSession(model: string): EngineSession {
    if (!this.models.some((info) => info.model === model)) throw new RangeError(`the engine has no model "${model}"`);
    return new PinnedSession(model, ++this.#sessions, {
      choose: () => (this.#closed ? undefined : this.#dispatcher),
      // Its own thread cannot be lost.
      wait: () => undefined,
    });
  }

  gauges(): EngineGauges {
    return {
      workers: 1,
      workersUp: this.#closed ? 0 : 1,
      queueDepth: this.#queueDepth,
      openSegments: this.#dispatcher.openSegments,
      stateBytes: this.#loop.stateBytes,
      workerRestarts: 0,
    };
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#dispatcher.failAll({ code: "shutting_down", message: "the engine is shutting down" });
    await this.#loop.stop();
  }

  #deliver(report: StepReport, observer?: EngineObserver): void {
    this.#queueDepth = report.queueDepth;
    this.#dispatcher.deliver(report);
    observeStep(observer, report, 0);
  }
}
