// The engine that serves: worker threads with a step loop each, sessions on the one with the least to do.

import { availableParallelism } from "node:os";
import type { Bundle } from "../../models/bundle.ts";
import { isStudent } from "../../models/student-model.ts";
import type { ProviderSetting } from "../settings.ts";
import type { Dispatcher } from "./dispatcher.ts";
import type { Engine, EngineGauges, EngineModelInfo, EngineSession } from "./engine.ts";
import { DEFAULT_ENGINE_LIMITS, type EngineLimits } from "./engine-limits.ts";
import type { EngineObserver } from "./engine-observer.ts";
import { builtScript, type SpawnThread, spawnWorker, type WorkerData } from "./engine-thread.ts";
import { snapshotGraphs } from "./graph-snapshot.ts";
import { type HomelessSegment, PinnedSession } from "./pinned-session.ts";
import { WorkerSlot } from "./worker-slot.ts";

export interface WorkerEngineOptions extends Partial<EngineLimits> {
  /** Students; each worker loads all of them. */
  bundles: readonly Bundle[];
  /** Threads; by default one for each core but one, which is the sockets'. */
  workers?: number;
  /** What is computed on; "cpu" by default. */
  provider?: ProviderSetting;
  observer?: EngineObserver;
  /** A worker that answers nothing for so long while it has work is replaced. Milliseconds; 10,000 by default. */
  stepDeadlineMs?: number;
}

const STEP_DEADLINE_MS = 10_000;

export class WorkerEngine implements Engine {
  readonly #names: ReadonlySet<string>;
  readonly #slots: readonly WorkerSlot[];
  /** Segments that wait for a worker. */
  readonly #homeless: HomelessSegment[];
  #sessions = 0;

  private constructor(slots: readonly WorkerSlot[], models: readonly EngineModelInfo[], homeless: HomelessSegment[]) {
    this.#slots = slots;
    this.#names = new Set(models.map(({ model }) => model));
    this.#homeless = homeless;
  }

  /** Resolves when every worker is up; rejects, with the workers gone, when one cannot load the bundles. */
  static async start(options: WorkerEngineOptions): Promise<WorkerEngine> {
    return WorkerEngine.startThreads(await WorkerEngine.spawner(options), options);
  }

  /** What starts a thread that serves the bundles as they are now on disk. */
  static async spawner(options: WorkerEngineOptions): Promise<SpawnThread> {
    const { bundles, provider = "cpu", maxBatchSize, maxRowTokens } = { ...DEFAULT_ENGINE_LIMITS, ...options };
    const noStudent = bundles.find((bundle) => !isStudent(bundle));
    if (noStudent) throw new RangeError(`bundle ${noStudent.manifest.name} has no graph to run: it is no student`);
    const names = bundles.map(({ manifest }) => manifest.name);
    const twice = names.find((name, index) => names.indexOf(name) < index);
    if (twice) throw new RangeError(`two bundles have the name ${twice}`);
    const snapshots = await Promise.all(bundles.map(snapshotGraphs));
    const data: WorkerData = { maxBatchSize, maxRowTokens, provider, bundles: snapshots };
    const url = builtScript("worker");
    return (listener) => spawnWorker(url, data, listener);
  }

  /** The same with other threads. */
  static async startThreads(
    spawn: SpawnThread,
    options: Pick<WorkerEngineOptions, "workers" | "observer" | "stepDeadlineMs">,
  ): Promise<WorkerEngine> {
    const { workers = Math.max(1, availableParallelism() - 1), observer, stepDeadlineMs = STEP_DEADLINE_MS } = options;
    const homeless: HomelessSegment[] = [];
    const onPlace = () => {
      for (const segment of homeless.splice(0)) segment.resume();
    };
    const slots = Array.from(
      { length: workers },
      (_, worker) => new WorkerSlot({ worker, spawn, observer, stepDeadlineMs, onPlace }),
    );
    try {
      const [models] = await Promise.all(slots.map((slot) => slot.start()));
      return new WorkerEngine(slots, models, homeless);
    } catch (error) {
      await Promise.all(slots.map((slot) => slot.close()));
      throw error;
    }
  }

  /** How models run: a line for each model and provider, one each unless a worker has lost its GPU. */
  get models(): readonly EngineModelInfo[] {
    const all = this.#slots.flatMap((slot) => slot.models);
    return [...new Map(all.map((info) => [`${info.model} ${info.provider}`, info])).values()];
  }

  get ready(): boolean {
    return this.#slots.some((slot) => slot.up);
  }

  openSession(model: string): EngineSession {
    if (!this.#names.has(model)) throw new RangeError(`the engine has no model "${model}"`);
    return new PinnedSession(model, ++this.#sessions, {
      choose: () => this.#leastLoaded(),
      wait: (segment) => void this.#homeless.push(segment),
    });
  }

  gauges(): EngineGauges {
    const sum = (figure: (slot: WorkerSlot) => number) => this.#slots.reduce((total, slot) => total + figure(slot), 0);
    return {
      workers: this.#slots.length,
      workersUp: sum((slot) => Number(slot.up)),
      queueDepth: sum((slot) => slot.queueDepth),
      openSegments: sum((slot) => slot.openSegments),
      stateBytes: sum((slot) => slot.stateBytes),
      workerRestarts: sum((slot) => slot.restarts),
    };
  }

  async close(): Promise<void> {
    for (const segment of this.#homeless.splice(0)) {
      segment.fail({ code: "shutting_down", message: "the engine is shutting down" });
    }
    await Promise.all(this.#slots.map((slot) => slot.close()));
  }

  /** A worker that is up before one that starts; among these the one with the fewest open segments. */
  #leastLoaded(): Dispatcher | undefined {
    const able = this.#slots.filter((slot) => slot.dispatcher);
    const up = able.filter((slot) => slot.up);
    const candidates = up.length > 0 ? up : able;
    return candidates.reduce<WorkerSlot | undefined>(
      (least, slot) => (least && least.openSegments <= slot.openSegments ? least : slot),
      undefined,
    )?.dispatcher;
  }
}
