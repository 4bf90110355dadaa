import { describe, expect, it } from "vitest";
import { SegmentState } from "../../models/segment-state.ts";
import { StandInModel } from "../../models/stand-in-model.ts";
import { StandInWaitKModel } from "../../models/stand-in-wait-k-model.ts";
import type { StepRow, StepRunner } from "../../models/step-runner.ts";
import type { EngineCommand, StepReport } from "./engine-command.ts";
import { StepLoop } from "./step-loop.ts";

/** Fails every step that has a row with this token. */
const BAD_TOKEN = 99;

/** A model whose steps end when the test says so. */
class HeldModel extends StandInModel {
  readonly sizes: number[][] = [];
  #release: (() => void)[] = [];
  held = false;
  /** Whether a failing step has already grown the states of its rows. */
  growsBeforeFailing = false;

  override async run(rows: readonly StepRow[]) {
    this.sizes.push(rows.map(({ tokens }) => tokens.length));
    if (this.held) await new Promise<void>((resolve) => this.#release.push(resolve));
    if (rows.some(({ tokens }) => tokens.includes(BAD_TOKEN))) {
      for (const { state } of this.growsBeforeFailing ? rows : []) {
        if (state instanceof SegmentState) state.append(Float32Array.of(1), new Float32Array(0));
      }
      throw new Error("bad tensor");
    }
    return super.run(rows);
  }

  release(): void {
    for (const resolve of this.#release.splice(0)) resolve();
  }
}

const loopOf = (model = new HeldModel({ vocabularySize: 200 }), maxBatchSize = 64) => loopWith(model, maxBatchSize);

function loopWith<Model extends StepRunner>(model: Model, maxBatchSize: number) {
  const reports: StepReport[] = [];
  const loop = new StepLoop({
    runners: new Map([["en-de", model]]),
    maxBatchSize,
    maxRowTokens: 32,
    gather: () => new Promise((resolve) => setImmediate(resolve)),
    report: (report) => reports.push(report),
  });
  const send = (...commands: EngineCommand[]) => loop.handle(commands, 0);
  return { loop, model, reports, send };
}

const open = (segment: number, wait = 1, session = segment): EngineCommand => {
  return { type: "open", segment, session, model: "en-de", wait };
};
const push = (segment: number, ...ids: number[]): EngineCommand => ({ type: "push", segment, ids });
const end = (segment: number): EngineCommand => ({ type: "end", segment });

const turns = async (count = 10) => {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
};

describe("StepLoop", () => {
  const openWithTail = (segment: number, wait: number): EngineCommand =>
    ({ ...open(segment, wait), tail: true }) as EngineCommand;
  const tailsOf = (reports: readonly StepReport[]) => reports.flatMap(({ tails }) => tails ?? []);

  it("tells tails when there is nothing else to do, for those who asked, of what was read last", async () => {
    const { loop, model, reports, send } = loopOf();
    model.held = true;
    send(openWithTail(1, 4), push(1, 20), open(2, 4), push(2, 21), open(3), push(3, 30));
    await turns(2);
    send(push(1, 22));
    expect(model.sizes).toEqual([[1]]);
    model.held = false;
    model.release();
    await turns();
    // Two tokens and the end, in a step of their own, which is in no figure.
    expect(model.sizes).toEqual([[1], [3]]);
    const told = tailsOf(reports);
    expect(told.map(({ segment }) => segment)).toEqual([1]);
    expect(reports.filter(({ stats }) => stats !== undefined)).toHaveLength(1);
    send(end(1), end(2));
    await turns();
    const written = reports.flatMap(({ outputs }) => outputs).filter(({ segment }) => segment === 1);
    expect(written.flatMap(({ ids }) => ids)).toEqual(told[0].ids);
    expect(tailsOf(reports)).toHaveLength(1);
    send({ type: "cancel", segment: 3 });
    await turns();
    expect(loop.stateBytes).toBe(0);
  });

  it("lets words go before tails, and tells none that words have overtaken", async () => {
    const { model, reports, send } = loopOf();
    model.held = true;
    send(openWithTail(1, 2), push(1, 20));
    await turns(2);
    expect(model.sizes).toEqual([[2]]);
    send(push(1, 21), open(2), push(2, 30));
    model.release();
    await turns(2);
    expect(model.sizes).toEqual([[2], [1, 2]]);
    expect(tailsOf(reports)).toEqual([]);
    model.held = false;
    model.release();
    await turns();
    expect(model.sizes).toEqual([[2], [1, 2], [1]]);
    expect(tailsOf(reports).map(({ segment }) => segment)).toEqual([1]);
  });

  it("tells no tail that is long, that fails, or whose segment is given up meanwhile, and harms nothing by it", async () => {
    const { loop, model, reports, send } = loopOf();
    const many = Array.from({ length: 30 }, (_, index) => 20 + index);
    send(openWithTail(1, 100), push(1, ...many), openWithTail(2, 9), push(2, BAD_TOKEN));
    await turns();
    expect(model.sizes).toEqual([[2]]);
    model.held = true;
    send(openWithTail(3, 9), push(3, 40), { type: "cancel", segment: 2 });
    await turns(3);
    send({ type: "cancel", segment: 3 });
    model.held = false;
    model.release();
    await turns();
    expect([tailsOf(reports), reports.flatMap(({ failures }) => failures)]).toEqual([[], []]);
    send(end(1));
    await turns();
    expect(reports.flatMap(({ outputs }) => outputs).at(-1)).toMatchObject({ segment: 1, done: true });
    expect(loop.stateBytes).toBe(0);
  });

  it("knows no tails of a model that writes token by token", async () => {
    const { reports, send } = loopWith(new StandInWaitKModel(60), 64);
    send(openWithTail(1, 3), push(1, 20));
    await turns();
    expect(reports).toEqual([]);
  });

  it("puts what arrives during a step into the next one", async () => {
    const { model, send } = loopOf();
    model.held = true;
    send(open(1), push(1, 20));
    await turns(2);
    send(open(2), push(2, 21, 22));
    send(open(3), push(3, 23));
    send(push(1, 24, 25));
    expect(model.sizes).toEqual([[1]]);
    model.held = false;
    model.release();
    await turns();
    expect(model.sizes).toEqual([[1], [2, 1, 2]]);
  });

  it("runs nothing while no chunk is due", async () => {
    const { model, send } = loopOf();
    send(open(1, 3), push(1, 20, 21));
    await turns();
    expect(model.sizes).toEqual([]);
    send(push(1, 22));
    await turns();
    expect(model.sizes).toEqual([[3]]);
  });

  it("says what was read, what was decoded before, and when it is done", async () => {
    const { reports, send, loop } = loopOf();
    send(open(1, 2), push(1, 20, 21, 22));
    await turns();
    send(end(1));
    await turns();
    const outputs = reports.flatMap((report) => report.outputs);
    expect(outputs).toMatchObject([
      { segment: 1, tokensRead: 3, needs: 2, done: false, batchSize: 1 },
      { segment: 1, tokensRead: 3, needs: 4, done: true },
    ]);
    expect(reports.at(-1)?.stats).toMatchObject({ model: "en-de", tokens: 1, chunks: 2, batchSize: 1 });
    expect(loop.stateBytes).toBe(0);
  });

  it("keeps to the batch size, and goes on with the rest", async () => {
    const { model, reports, send } = loopOf(undefined, 2);
    for (const segment of [1, 2, 3, 4, 5]) send(open(segment), push(segment, 20), end(segment));
    await turns();
    expect(model.sizes.map((rows) => rows.length)).toEqual([2, 2, 1]);
    expect(reports.flatMap(({ outputs }) => outputs.map(({ segment }) => segment))).toEqual([1, 2, 3, 4, 5]);
    expect(reports.map(({ queueDepth }) => queueDepth)).toEqual([3, 1, 0]);
  });

  it("fails the row at fault alone, and gives the others what they would have had", async () => {
    const alone = loopOf();
    alone.send(open(1), push(1, 20, 21), end(1));
    await turns();
    const { reports, send, loop } = loopOf();
    send(open(1), push(1, 20, 21), end(1), open(2), push(2, BAD_TOKEN), open(3), push(3, 22), end(3));
    await turns();
    expect(reports.flatMap(({ failures }) => failures)).toEqual([{ segment: 2, message: "bad tensor" }]);
    const outputs = reports.flatMap((report) => report.outputs);
    expect(outputs.flatMap(({ done, segment }) => (done ? [segment] : [])).sort()).toEqual([1, 3]);
    const idsOf = (all: typeof outputs) => all.flatMap(({ segment, ids }) => (segment === 1 ? ids : []));
    expect(idsOf(outputs)).toEqual(idsOf(alone.reports.flatMap((report) => report.outputs)));
    expect(loop.stateBytes).toBe(0);
  });

  it("does not run a row again whose state the failed step has changed", async () => {
    const { model, reports, send } = loopOf();
    model.growsBeforeFailing = true;
    send(open(1), push(1, 20), open(2), push(2, BAD_TOKEN));
    await turns();
    expect(reports.flatMap(({ failures }) => failures.map(({ segment }) => segment))).toEqual([1, 2]);
    expect(model.sizes).toHaveLength(1);
  });

  it("fails a segment with more tokens than it has room for, and tells without a step", async () => {
    const { reports, send } = loopOf();
    send(open(1, 300), push(1, ...new Array<number>(160).fill(20)));
    await turns();
    expect(reports).toHaveLength(1);
    expect(reports[0]).toMatchObject({ outputs: [], failures: [{ segment: 1 }] });
    expect(reports[0].stats).toBeUndefined();
  });

  it("frees a segment that is cancelled, also while its step runs", async () => {
    const { model, reports, send, loop } = loopOf();
    send(open(1), push(1, 20), open(2), push(2, 20));
    await turns();
    expect(loop.stateBytes).toBeGreaterThan(0);
    send({ type: "cancel", segment: 1 });
    model.held = true;
    send(push(2, 21));
    await turns(2);
    send({ type: "cancel", segment: 2 });
    model.held = false;
    model.release();
    await turns();
    expect(loop.stateBytes).toBe(0);
    expect(reports).toHaveLength(2);
    expect(reports[1].outputs).toEqual([]);
  });

  it("stops after the step under way and frees everything", async () => {
    const { model, send, loop, reports } = loopOf();
    model.held = true;
    send(open(1), push(1, 20), open(2, 5), push(2, 20));
    await turns(2);
    const stopped = loop.stop();
    model.release();
    await stopped;
    send(push(1, 21));
    await turns();
    expect(loop.stateBytes).toBe(0);
    expect(reports).toHaveLength(1);
  });

  it("writes a segment's end token by token, and lets others in between", async () => {
    const source = [20, 21, 22, 23, 24, 25];
    const alone = async () => {
      const { reports, send } = loopWith(new StandInWaitKModel(), 64);
      send(open(1, 3), push(1, ...source), end(1));
      await turns(40);
      return reports.flatMap(({ outputs }) => outputs);
    };
    const expected = await alone();
    expect(expected.length).toBeGreaterThan(4);
    expect(expected.map(({ done }) => done)).toEqual(expected.map((_, step) => step === expected.length - 1));
    expect(expected.every(({ ids }) => ids.length <= 1)).toBe(true);
    expect(expected[0]).toMatchObject({ tokensRead: source.length, needs: 3 });
    // One row a step: the two take turns, and each says what it says alone.
    const { reports, send, loop } = loopWith(new StandInWaitKModel(), 1);
    send(open(1, 3), push(1, ...source), end(1), open(2, 3), push(2, ...source), end(2));
    await turns(80);
    const outputs = reports.flatMap(({ outputs }) => outputs);
    expect(outputs.slice(0, 6).map(({ segment }) => segment)).toEqual([1, 2, 1, 2, 1, 2]);
    for (const segment of [1, 2]) {
      const own = outputs.filter((output) => output.segment === segment);
      expect(own.map(({ ids }) => ids)).toEqual(expected.map(({ ids }) => ids));
    }
    expect(loop.stateBytes).toBe(0);
  });
});
