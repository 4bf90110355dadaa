// One worker's place in the pool: its thread, the segments that run there, and a new thread when it dies.

import { Dispatcher } from "./dispatcher.ts";
import type { EngineModelInfo } from "./engine.ts";
import { monotonicMs, type StepReport, type ThreadReply } from "./engine-command.ts";
import { type EngineObserver, observeStep } from "./engine-observer.ts";
import type { EngineThread, SpawnThread } from "./engine-thread.ts";

/** A thread that dies young is followed by the next after this, doubled each time up to the second. Milliseconds. */
const FIRST_RESTART_DELAY_MS = 250;
const LAST_RESTART_DELAY_MS = 30_000;
/** A thread that was up for this long has not died young: the next starts at once. */
const STABLE_MS = 5_000;
/** A thread that was told to stop is ended after this. */
const STOP_TIMEOUT_MS = 5_000;

/** A thread that loads its models for longer is replaced. */
const START_DEADLINE_MS = 60_000;
/** Looks at a thread within one deadline. */
const LOOKS = 4;

export interface WorkerSlotOptions {
  /** The worker's number, for metrics and the log. */
  worker: number;
  spawn: SpawnThread;
  observer?: EngineObserver;
  /** A thread that answers nothing for so long hangs, and is replaced. Milliseconds. */
  stepDeadlineMs: number;
  /** Segments can be opened here again. */
  onPlace(): void;
}

/** A thread and what runs on it. */
interface Incarnation {
  thread: EngineThread;
  dispatcher: Dispatcher;
  /** On `monotonicMs`; undefined until the thread is ready. */
  readyAt?: number;
  failure?: string;
  report?: StepReport;
  /** A ping is under way. */
  asked: boolean;
  /** Looks in a row without an answer. */
  silentLooks: number;
}

export class WorkerSlot {
  readonly #options: WorkerSlotOptions;
  #now: Incarnation | undefined;
  #models: readonly EngineModelInfo[] = [];
  #restarts = 0;
  #diedYoung = 0;
  #restartTimer: NodeJS.Timeout | undefined;
  #onReady: ((models: readonly EngineModelInfo[]) => void) | undefined;
  #onFailure: ((error: Error) => void) | undefined;
  #onStopped: (() => void) | undefined;
  #watch: NodeJS.Timeout | undefined;
  #closed: Promise<void> | undefined;

  constructor(options: WorkerSlotOptions) {
    this.#options = options;
  }

  /** Whether its thread can run steps now. */
  get up(): boolean {
    return this.#now?.readyAt !== undefined;
  }

  /** How its models run now, or ran last. */
  get models(): readonly EngineModelInfo[] {
    return this.#models;
  }

  /** Where segments can be opened: also while the thread starts, they wait for it; undefined between two threads. */
  get dispatcher(): Dispatcher | undefined {
    return this.#closed ? undefined : this.#now?.dispatcher;
  }

  get openSegments(): number {
    return this.#now?.dispatcher.openSegments ?? 0;
  }

  /** As of the last step. */
  get queueDepth(): number {
    return this.openSegments === 0 ? 0 : (this.#now?.report?.queueDepth ?? 0);
  }

  /** As of the last step. */
  get stateBytes(): number {
    return this.openSegments === 0 ? 0 : (this.#now?.report?.stateBytes ?? 0);
  }

  get restarts(): number {
    return this.#restarts;
  }

  /** Resolves when the thread is ready; rejects, and tries no other, when this first one cannot be. */
  start(): Promise<readonly EngineModelInfo[]> {
    return new Promise((resolve, reject) => {
      this.#onReady = resolve;
      this.#onFailure = reject;
      this.#spawn();
      this.#watch = setInterval(() => this.#look(), this.#options.stepDeadlineMs / LOOKS).unref();
    });
  }

  /** Fails what is open with `shutting_down`; resolves when the thread is gone. */
  close(): Promise<void> {
    this.#closed ??= this.#stop();
    return this.#closed;
  }

  #stop(): Promise<void> {
    clearTimeout(this.#restartTimer);
    clearInterval(this.#watch);
    const now = this.#now;
    if (!now) return Promise.resolve();
    now.dispatcher.failAll({ code: "shutting_down", message: "the engine is shutting down" });
    return new Promise((resolve) => {
      const timer = setTimeout(() => now.thread.terminate(), STOP_TIMEOUT_MS);
      this.#onStopped = () => {
        clearTimeout(timer);
        resolve();
      };
      now.thread.post({ type: "stop" });
    });
  }

  #spawn(): void {
    const dispatcher = new Dispatcher((commands) => {
      thread.post({ type: "commands", commands, sentAt: monotonicMs() });
    });
    const thread = this.#options.spawn({
      onReply: (reply) => this.#reply(incarnation, reply),
      onExit: (reason) => this.#exit(incarnation, reason),
    });
    const incarnation: Incarnation = { thread, dispatcher, asked: false, silentLooks: 0 };
    this.#now = incarnation;
    this.#options.onPlace();
  }

  #reply(incarnation: Incarnation, reply: ThreadReply): void {
    // One that was given up may still speak.
    if (incarnation !== this.#now) return;
    const { worker, observer } = this.#options;
    incarnation.silentLooks = 0;
    switch (reply.type) {
      case "ready":
        incarnation.readyAt = monotonicMs();
        this.#onReady?.(reply.models);
        this.#onReady = undefined;
        this.#onFailure = undefined;
        this.#models = [...reply.models];
        observer?.workerUp?.({ worker, models: reply.models, passed: reply.passed ?? [] });
        break;
      case "failed":
        incarnation.failure = reply.message;
        break;
      case "moved": {
        const { type: _, ...move } = reply;
        this.#models = this.#models.map((info) => (info.model === move.model ? { ...info, provider: move.to } : info));
        observer?.providerLost?.({ worker, ...move });
        break;
      }
      case "pong":
        incarnation.asked = false;
        break;
      case "report":
        incarnation.report = reply;
        incarnation.dispatcher.deliver(reply);
        observeStep(observer, reply, worker);
        break;
    }
  }

  /**
   * Asks a thread that has work whether it lives. Looks are counted, not time: where this process itself stood still,
   * answers that have come meanwhile are read before the next look.
   */
  #look(): void {
    const now = this.#now;
    if (now === undefined || (now.readyAt !== undefined && !now.asked && this.openSegments === 0)) return;
    now.silentLooks++;
    const { stepDeadlineMs } = this.#options;
    const deadlineMs = now.readyAt === undefined ? Math.max(START_DEADLINE_MS, stepDeadlineMs) : stepDeadlineMs;
    if (now.silentLooks * (stepDeadlineMs / LOOKS) > deadlineMs) {
      this.#lose(now, `it answered nothing for ${deadlineMs} ms`);
      // It ends itself if it comes back. Ended from here inside a call of the runtime, it would take the process with it.
      now.thread.post({ type: "stop" });
    } else if (!now.asked) {
      now.asked = true;
      now.thread.post({ type: "ping" });
    }
  }

  #exit(incarnation: Incarnation, exitReason: string): void {
    if (incarnation !== this.#now) return;
    if (this.#closed) {
      this.#now = undefined;
      this.#onStopped?.();
      return;
    }
    this.#lose(incarnation, incarnation.failure ?? exitReason);
  }

  #lose(incarnation: Incarnation, reason: string): void {
    const { worker, observer } = this.#options;
    this.#now = undefined;
    if (this.#onFailure) {
      this.#onFailure(new Error(`engine worker ${worker} could not start: ${reason}`));
      return;
    }
    observer?.workerDown?.({ worker, reason, openSegments: incarnation.dispatcher.openSegments });
    this.#restart(incarnation);
    incarnation.dispatcher.loseAll();
  }

  #restart({ readyAt }: Incarnation): void {
    this.#restarts++;
    const stable = readyAt !== undefined && monotonicMs() - readyAt >= STABLE_MS;
    this.#diedYoung = stable ? 0 : this.#diedYoung + 1;
    // The first death may be an accident: only a thread that dies young again must wait.
    if (this.#diedYoung <= 1 && readyAt !== undefined) {
      this.#spawn();
    } else {
      const delay = Math.min(FIRST_RESTART_DELAY_MS * 2 ** (this.#diedYoung - 1), LAST_RESTART_DELAY_MS);
      this.#restartTimer = setTimeout(() => this.#spawn(), delay).unref();
    }
  }
}
