// Real threads that die: the process lives, other threads' segments go on, and the next thread serves.

import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { EngineFailure, EngineOutput } from "./engine.ts";
import { builtScript, spawnWorker } from "./engine-thread.ts";
import { WorkerEngine } from "./worker-engine.ts";

const STEP_SERVER = builtScript("step-server");

/**
 * A worker whose model gives the same slots for every token; but token 90 makes it throw where nothing catches, 91 ends
 * it, 92 fails its row, 93 makes it hang for 4 seconds. All it imports is in the build, which has no stand-ins.
 */
const SCRIPT = `
import { parentPort } from "node:worker_threads";
import { CtcDecoder } from ${JSON.stringify(new URL("../../models/ctc-decoder.js", STEP_SERVER).href)};
import { SegmentState } from ${JSON.stringify(new URL("../../models/segment-state.js", STEP_SERVER).href)};
import { serveSteps } from ${JSON.stringify(STEP_SERVER.href)};
class Model {
  slotsPerToken = 2;
  maxSourceTokens = 160;
  newDecoder(wait) {
    return new CtcDecoder({ wait, slotsPerToken: 2, maxSourceTokens: 160 });
  }
  newState() {
    return new SegmentState({ sourceStateWidth: 1, slotStateWidth: 1, slotsPerToken: 2, maxSourceTokens: 160 });
  }
  async run(rows) {
    const has = (token) => rows.some((row) => row.tokens.includes(token));
    if (has(90)) await new Promise(() => setImmediate(() => { throw new Error("thrown in the worker"); }));
    if (has(91)) process.exit(7);
    if (has(92)) throw new Error("bad row");
    if (has(93)) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 4_000);
    return rows.map(({ state, tokens, chunks }) => {
      const slotIds = chunks.flatMap(() => [20, 21]);
      state.append(Float32Array.from(tokens), Float32Array.from(slotIds));
      return { slotIds, slotScores: slotIds.map(() => -0.5) };
    });
  }
}
await serveSteps(parentPort, { maxBatchSize: 64, maxRowTokens: 32 }, async () => [
  { info: { model: "en-de", provider: "cpu", precision: "fp32" }, runner: new Model(), release: async () => {} },
]);
`;

describe.skipIf(!existsSync(STEP_SERVER))("worker threads", () => {
  let folder: string;
  let engine: WorkerEngine;
  const downs: string[] = [];

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "souffleur-"));
    const script = join(folder, "worker.mjs");
    writeFileSync(script, SCRIPT);
    engine = await WorkerEngine.startThreads((listener) => spawnWorker(pathToFileURL(script), {}, listener), {
      workers: 2,
      stepDeadlineMs: 500,
      observer: { workerDown: ({ reason }) => downs.push(reason) },
    });
  });
  afterAll(async () => {
    await engine?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  function segment(...ids: number[]) {
    const outputs: EngineOutput[] = [];
    const failures: EngineFailure[] = [];
    const open = engine.openSession("en-de").openSegment({
      wait: 1,
      onOutput: (output) => outputs.push(output),
      onFailure: (failure) => failures.push(failure),
    });
    open.push(ids);
    return Object.assign(open, { outputs, failures, done: () => outputs.at(-1)?.done === true });
  }

  it.each([
    [90, /thrown in the worker/],
    [91, /exit code 7/],
  ])("survives a worker that token %i kills", async (token, reason) => {
    const others = [segment(20), segment(21)];
    await vi.waitFor(() => expect(others.every(({ outputs }) => outputs.length === 1)).toBe(true));
    const fatal = segment(token);
    // It meets a worker, the next and one more, and then it is given up.
    await vi.waitFor(() => expect(fatal.failures).toMatchObject([{ code: "internal" }]), { timeout: 10_000 });
    expect(downs.splice(0)).toEqual([1, 2, 3].map(() => expect.stringMatching(reason)));
    await vi.waitFor(() => expect(engine.gauges().workersUp).toBe(2), { timeout: 10_000 });
    const after = [...others, segment(22), segment(23)];
    for (const open of after) open.end();
    await vi.waitFor(() => expect(after.every((open) => open.done())).toBe(true));
    expect(after.flatMap(({ failures }) => failures)).toEqual([]);
    expect(others.map(({ outputs }) => outputs.flatMap(({ ids }) => ids))).toEqual([
      [20, 21, 20, 21],
      [20, 21, 20, 21],
    ]);
  });

  it("replaces a worker whose model hangs, and gives up on who makes every worker hang", async () => {
    const others = [segment(20), segment(21)];
    await vi.waitFor(() => expect(others.every(({ outputs }) => outputs.length === 1)).toBe(true));
    const hanging = segment(93);
    await vi.waitFor(() => expect(hanging.failures).toMatchObject([{ code: "internal" }]), { timeout: 20_000 });
    expect(downs.splice(0)).toEqual([1, 2, 3].map(() => "it answered nothing for 500 ms"));
    for (const open of others) open.end();
    await vi.waitFor(() => expect(others.every((open) => open.done())).toBe(true), { timeout: 10_000 });
  });

  it("fails a bad row alone", async () => {
    const bad = segment(92);
    const good = [segment(24), segment(25), segment(26)];
    for (const open of good) open.end();
    await vi.waitFor(() => expect(bad.failures).toMatchObject([{ code: "internal", message: /bad row/ }]));
    await vi.waitFor(() => expect(good.every((open) => open.done())).toBe(true));
  });

  it("ends its threads when it closes", async () => {
    const open = segment(27);
    await engine.close();
    expect(open.failures).toMatchObject([{ code: "shutting_down" }]);
    expect(engine.gauges()).toMatchObject({ workersUp: 0, openSegments: 0 });
  });
});
