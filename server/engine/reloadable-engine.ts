// An engine whose models can be replaced while it serves: new sessions run on the newest, old ones end where they began.

import type { Engine, EngineGauges, EngineModelInfo, EngineSession } from "./engine.ts";

/** An engine, and how many sessions are on it. */
interface Generation {
  engine: Engine;
  sessions: number;
}

export class ReloadableEngine implements Engine {
  #newest: Generation;
  /** Older ones that still have sessions. */
  readonly #older = new Set<Generation>();
  readonly #closing = new Set<Promise<void>>();
  #closed: Promise<void> | undefined;

  constructor(engine: Engine) {
    this.#newest = { engine, sessions: 0 };
  }

  get ready(): boolean {
    return this.#newest.engine.ready;
  }

  get models(): readonly EngineModelInfo[] {
    return this.#newest.engine.models;
  }

  /** Engines that serve: more than one while sessions of before a replacement are open. */
  get generations(): number {
    return 1 + this.#older.size;
  }

  openSession(model: string): EngineSession {
    const generation = this.#newest;
    const session = generation.engine.openSession(model);
    generation.sessions++;
    let open = true;
    return {
      openSegment: (request) => session.openSegment(request),
      close: () => {
        session.close();
        if (!open) return;
        open = false;
        generation.sessions--;
        this.#retire(generation);
      },
    };
  }

  /** From here on new sessions are the new engine's. The old one is closed when its last session is. */
  replace(engine: Engine): void {
    const old = this.#newest;
    this.#newest = { engine, sessions: 0 };
    this.#older.add(old);
    this.#retire(old);
  }

  gauges(): EngineGauges {
    const newest = this.#newest.engine.gauges();
    const all = [newest, ...[...this.#older].map(({ engine }) => engine.gauges())];
    const sum = (figure: (gauges: EngineGauges) => number) => all.reduce((total, one) => total + figure(one), 0);
    return {
      workers: newest.workers,
      workersUp: newest.workersUp,
      queueDepth: sum(({ queueDepth }) => queueDepth),
      openSegments: sum(({ openSegments }) => openSegments),
      stateBytes: sum(({ stateBytes }) => stateBytes),
      workerRestarts: sum(({ workerRestarts }) => workerRestarts),
    };
  }

  close(): Promise<void> {
    this.#closed ??= this.#closeAll();
    return this.#closed;
  }

  async #closeAll(): Promise<void> {
    await Promise.all([this.#newest, ...this.#older].map(({ engine }) => engine.close()));
    await Promise.all(this.#closing);
  }

  #retire(generation: Generation): void {
    if (generation.sessions > 0 || !this.#older.delete(generation)) return;
    const closing: Promise<void> = generation.engine.close().finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }
}
