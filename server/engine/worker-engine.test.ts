import { MessageChannel } from "node:worker_threads";
import { afterEach, describe, expect, it, vi } from "vitest";
import { StandInModel } from "../../models/stand-in-model.ts";
import type { EngineFailure, EngineOutput } from "./engine.ts";
import type { ThreadReply } from "./engine-command.ts";
import { DEFAULT_ENGINE_LIMITS } from "./engine-limits.ts";
import type { SpawnThread } from "./engine-thread.ts";
import { serveSteps } from "./step-server.ts";
import { WorkerEngine } from "./worker-engine.ts";

const info = { model: "en-de", provider: "cpu", precision: "int8" };

/** Threads that are none: step servers in this one, behind real ports; they die when they are told to. */
class Threads {
  readonly crashes: ((reason: string) => void)[] = [];
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
    this.crashes.push(exit);
    void serveSteps(port2, DEFAULT_ENGINE_LIMITS, async () => {
      await this.load();
      return [{ info, runner: new StandInModel({ vocabularySize: 200 }), release: () => Promise.resolve() }];
    });
    return { post: (request) => port1.postMessage(request), terminate: () => exit("terminated") };
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
  return { ...segment, outputs, failures };
}

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

  it("fails the segments of a worker that dies, and those alone, and starts another", async () => {
    const threads = new Threads();
    const events: string[] = [];
    engine = await WorkerEngine.startThreads(threads.spawn, {
      workers: 2,
      observer: {
        workerUp: ({ worker }) => events.push(`up ${worker}`),
        workerDown: ({ worker, reason }) => events.push(`down ${worker}: ${reason}`),
      },
    });
    const [lost, kept] = [segmentOn(engine), segmentOn(engine)];
    lost.push([20]);
    kept.push([20]);
    await vi.waitFor(() => expect(lost.outputs.length + kept.outputs.length).toBe(2));
    threads.crashes[0]("segmentation of memory");
    expect(lost.failures).toMatchObject([{ code: "internal" }]);
    expect(kept.failures).toEqual([]);
    expect(engine.ready).toBe(true);
    await vi.waitFor(() => expect(engine!.gauges()).toMatchObject({ workersUp: 2, workerRestarts: 1 }));
    expect(events).toEqual(["up 0", "up 1", "down 0: segmentation of memory", "up 0"]);
    kept.push([21]);
    kept.end();
    const fresh = segmentOn(engine);
    fresh.push([22]);
    fresh.end();
    await vi.waitFor(() => expect(kept.outputs.at(-1)?.done && fresh.outputs.at(-1)?.done).toBe(true));
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
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    threads.crashes[1]("gone again");
    const refused = segmentOn(engine);
    await new Promise((resolve) => setImmediate(resolve));
    expect(refused.failures).toMatchObject([{ code: "overloaded" }]);
    vi.advanceTimersByTime(499);
    expect(threads.crashes).toHaveLength(2);
    vi.advanceTimersByTime(1);
    expect(threads.crashes).toHaveLength(3);
    vi.useRealTimers();
    await vi.waitFor(() => expect(engine!.ready).toBe(true));
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
