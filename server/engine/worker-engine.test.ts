import { MessageChannel } from "node:worker_threads";
import { afterEach, describe, expect, it, vi } from "vitest";
import { StandInModel } from "../../models/stand-in-model.ts";
import type { EngineFailure, EngineOutput } from "./engine.ts";
import type { ThreadReply, ThreadRequest } from "./engine-command.ts";
import { DEFAULT_ENGINE_LIMITS } from "./engine-limits.ts";
import type { SpawnThread } from "./engine-thread.ts";
import { type ProviderNews, serveSteps } from "./step-server.ts";
import { WorkerEngine } from "./worker-engine.ts";

const info = { model: "en-de", provider: "cpu", precision: "int8" };

/** Threads that are none: step servers in this one, behind real ports; they die when they are told to. */
class Threads {
  readonly crashes: ((reason: string) => void)[] = [];
  /** Numbers of those that take in nothing more. */
  readonly frozen = new Set<number>();
  /** What each tells its engine of its providers. */
  readonly news: ProviderNews[] = [];
  load = () => Promise.resolve();

  readonly spawn: SpawnThread = (listener) => {
    const { port1, port2 } = new MessageChannel();
    let gone = false;
    const exit = (reason: string) => {
      if (gone) return;
      gone = true;
      port1.close();
      port2.close();
      listener.onExit(reason);
    };
    port1.on("message", (reply: ThreadReply) => gone || listener.onReply(reply));
    port1.on("close", () => exit("exit code 0"));
    const number = this.crashes.push(exit) - 1;
    void serveSteps(port2, DEFAULT_ENGINE_LIMITS, async (tell) => {
      this.news.push(tell);
      await this.load();
      return [{ info, runner: new StandInModel({ vocabularySize: 200 }), release: () => Promise.resolve() }];
    });
    const post = (request: ThreadRequest) => this.frozen.has(number) || port1.postMessage(request);
    return { post, terminate: () => exit("terminated") };
  };
}

function segmentOn(engine: WorkerEngine, session = engine.openSession("en-de")) {
  const outputs: EngineOutput[] = [];
  const failures: EngineFailure[] = [];
  const segment = session.openSegment({
    wait: 1,
    onOutput: (output) => outputs.push(output),
    onFailure: (failure) => failures.push(failure),
  });
  return Object.assign(segment, { outputs, failures });
}

const idsOf = ({ outputs }: { outputs: EngineOutput[] }) => outputs.flatMap(({ ids }) => ids);

describe("WorkerEngine", () => {
  let engine: WorkerEngine | undefined;
  afterEach(() => engine?.close());

  it("spreads sessions over workers and runs their segments there", async () => {
    const workers: number[] = [];
    const threads = new Threads();
    engine = await WorkerEngine.startThreads(threads.spawn, {
      workers: 2,
      observer: { step: ({ worker }) => workers.push(worker) },
    });
    expect(engine).toMatchObject({ ready: true, models: [info] });
    const segments = [segmentOn(engine), segmentOn(engine)];
    for (const segment of segments) segment.push([20, 21]);
    for (const segment of segments) segment.end();
    await vi.waitFor(() => expect(segments.every(({ outputs }) => outputs.at(-1)?.done)).toBe(true));
    expect([...new Set(workers)].sort()).toEqual([0, 1]);
    expect(engine.gauges()).toMatchObject({ workers: 2, workersUp: 2, openSegments: 0, stateBytes: 0, queueDepth: 0 });
  });

  it("keeps a session on its worker while it has segments", async () => {
    const workers: number[] = [];
    const threads = new Threads();
    engine = await WorkerEngine.startThreads(threads.spawn, {
      workers: 2,
      observer: { step: ({ worker }) => workers.push(worker) },
    });
    const session = engine.openSession("en-de");
    const segments = [0, 1, 2].map(() => segmentOn(engine!, session));
    for (const segment of segments) segment.push([20]);
    await vi.waitFor(() => expect(segments.every(({ outputs }) => outputs.length > 0)).toBe(true));
    expect(new Set(workers).size).toBe(1);
    session.close();
  });

  it("runs the open segments of a worker that dies again on another, saying nothing twice, and starts a new one", async () => {
    const threads = new Threads();
    const events: string[] = [];
    engine = await WorkerEngine.startThreads(threads.spawn, {
      workers: 2,
      observer: {
        workerUp: ({ worker }) => events.push(`up ${worker}`),
        workerDown: ({ worker, reason, openSegments }) =>
          events.push(`down ${worker} with ${openSegments} open: ${reason}`),
      },
    });
    const session = engine.openSession("en-de");
    const [lost, kept, ended] = [segmentOn(engine, session), segmentOn(engine), segmentOn(engine, session)];
    for (const segment of [lost, kept, ended]) segment.push([20, 33, 47]);
    await vi.waitFor(() => expect([lost, kept, ended].every(({ outputs }) => outputs.length > 0)).toBe(true));
    ended.end();
    threads.crashes[0]("segmentation of memory");
    expect(engine.ready).toBe(true);
    for (const segment of [lost, kept]) {
      segment.push([21, 90]);
      segment.end();
    }
    await vi.waitFor(() => expect([lost, kept, ended].every(({ outputs }) => outputs.at(-1)?.done)).toBe(true));
    await vi.waitFor(() => expect(engine!.gauges()).toMatchObject({ workersUp: 2, workerRestarts: 1 }));
    expect(events).toEqual(["up 0", "up 1", "down 0 with 2 open: segmentation of memory", "up 0"]);
    expect([lost, kept, ended].flatMap(({ failures }) => failures)).toEqual([]);
    expect(idsOf(lost)).toEqual(idsOf(kept));
    const whole = segmentOn(engine);
    whole.push([20, 33, 47]);
    whole.end();
    await vi.waitFor(() => expect(whole.outputs.at(-1)?.done).toBe(true));
    expect(idsOf(ended)).toEqual(idsOf(whole));
    const read = lost.outputs.map(({ tokensRead }) => tokensRead);
    expect(read).toEqual([...read].sort((one, other) => one - other));
  });

  it("gives a segment up that has met three workers that died, and no other", async () => {
    const threads = new Threads();
    engine = await WorkerEngine.startThreads(threads.spawn, { workers: 4 });
    const segment = segmentOn(engine);
    segment.push([20]);
    for (const crash of threads.crashes.slice(0, 2)) crash("gone");
    expect(segment.failures).toEqual([]);
    threads.crashes[2]("gone");
    expect(segment.failures).toMatchObject([{ code: "internal", message: /again and again/ }]);
    const fresh = segmentOn(engine);
    fresh.push([22]);
    fresh.end();
    await vi.waitFor(() => expect(fresh.outputs.at(-1)?.done).toBe(true));
  });

  it("replaces a worker that hangs, and leaves alone what is idle or slow to load", async () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    try {
      const threads = new Threads();
      const downs: string[] = [];
      engine = await WorkerEngine.startThreads(threads.spawn, {
        workers: 2,
        stepDeadlineMs: 1_000,
        observer: { workerDown: ({ worker, reason }) => downs.push(`${worker}: ${reason}`) },
      });
      const pass = async (ms: number) => {
        for (let at = 0; at < ms; at += 250) {
          vi.advanceTimersByTime(250);
          for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
        }
      };
      threads.frozen.add(0).add(1);
      await pass(5_000);
      threads.frozen.clear();
      const [hung, other] = [segmentOn(engine), segmentOn(engine)];
      for (const segment of [hung, other]) segment.push([20, 33]);
      await vi.waitFor(() => expect(hung.outputs.length + other.outputs.length).toBe(2));
      await pass(3_000);
      expect(downs).toEqual([]);
      threads.frozen.add(0);
      await pass(1_000);
      expect(downs).toEqual([]);
      await pass(500);
      expect(downs).toEqual(["0: it answered nothing for 1000 ms"]);
      for (const segment of [hung, other]) segment.end();
      await vi.waitFor(() => expect([hung, other].every(({ outputs }) => outputs.at(-1)?.done)).toBe(true));
      expect(idsOf(hung)).toEqual(idsOf(other));
    } finally {
      vi.useRealTimers();
    }
  });

  it("is not ready only while no worker is up; what comes meanwhile waits for the next", async () => {
    const threads = new Threads();
    engine = await WorkerEngine.startThreads(threads.spawn, { workers: 1 });
    threads.crashes[0]("gone");
    expect(engine.ready).toBe(false);
    const segment = segmentOn(engine);
    segment.push([20]);
    segment.end();
    await vi.waitFor(() => expect(segment.outputs.at(-1)?.done).toBe(true));
    expect(engine.ready).toBe(true);
    expect(segment.failures).toEqual([]);
  });

  it("waits before it starts a thread again that dies young, and refuses meanwhile", async () => {
    const threads = new Threads();
    engine = await WorkerEngine.startThreads(threads.spawn, { workers: 1 });
    threads.crashes[0]("gone");
    await vi.waitFor(() => expect(engine!.ready).toBe(true));
    const held = segmentOn(engine);
    held.push([20]);
    const left = segmentOn(engine);
    left.push([20]);
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    threads.crashes[1]("gone again");
    const refused = segmentOn(engine);
    await new Promise((resolve) => setImmediate(resolve));
    expect(refused.failures).toMatchObject([{ code: "overloaded" }]);
    // What was open waits, and takes more in.
    held.push([21]);
    held.end();
    vi.advanceTimersByTime(499);
    expect(threads.crashes).toHaveLength(2);
    vi.advanceTimersByTime(1);
    expect(threads.crashes).toHaveLength(3);
    vi.useRealTimers();
    await vi.waitFor(() => expect(engine!.ready).toBe(true));
    await vi.waitFor(() => expect(held.outputs.at(-1)?.done).toBe(true));
    threads.crashes[2]("gone a third time");
    await engine.close();
    expect(held.failures).toEqual([]);
    expect(left.failures).toMatchObject([{ code: "shutting_down" }]);
  });

  it("says what its models run on, also when a worker has lost its GPU", async () => {
    const threads = new Threads();
    const lost: unknown[] = [];
    engine = await WorkerEngine.startThreads(threads.spawn, {
      workers: 2,
      observer: { providerLost: (event) => lost.push(event) },
    });
    const move = { model: "en-de", from: "cpu", to: "spare", reason: "device lost" };
    threads.news[1].moved(move);
    await vi.waitFor(() => expect(lost).toEqual([{ worker: 1, ...move }]));
    expect(engine.models).toEqual([info, { ...info, provider: "spare" }]);
    threads.news[0].moved(move);
    await vi.waitFor(() => expect(engine!.models).toEqual([{ ...info, provider: "spare" }]));
    expect(engine.ready).toBe(true);
  });

  it("does not start when a worker cannot load its models, and says why", async () => {
    const threads = new Threads();
    threads.load = () => Promise.reject(new Error("step.onnx is damaged"));
    await expect(WorkerEngine.startThreads(threads.spawn, { workers: 2 })).rejects.toThrow(/step\.onnx is damaged/);
  });

  it("fails what is open when it closes, and ends its threads", async () => {
    const threads = new Threads();
    engine = await WorkerEngine.startThreads(threads.spawn, { workers: 2 });
    const segment = segmentOn(engine);
    segment.push([20]);
    await Promise.all([engine.close(), engine.close()]);
    expect(segment.failures).toMatchObject([{ code: "shutting_down" }]);
    expect(engine.ready).toBe(false);
  });

  it("refuses a model that it was not given", async () => {
    engine = await WorkerEngine.startThreads(new Threads().spawn, { workers: 1 });
    expect(() => engine!.openSession("xx-yy")).toThrow(RangeError);
  });
});
