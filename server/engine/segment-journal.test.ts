import { describe, expect, it } from "vitest";
import type { EngineOutput } from "./engine.ts";
import { ReplayError, SegmentJournal } from "./segment-journal.ts";

function output(ids: number[], tokensRead: number, done = false): EngineOutput {
  return { ids, tokensRead, done, needs: tokensRead, queueMs: 0, computeMs: 1, batchSize: 1 };
}

describe("SegmentJournal", () => {
  it("tells everything of a first run", () => {
    const journal = new SegmentJournal();
    const outputs = [output([20], 1), output([], 2), output([21, 22], 3, true)];
    expect(outputs.map((one) => journal.accept(one))).toEqual(outputs);
  });

  it("tells of a second run only what is new, however it is cut", () => {
    const journal = new SegmentJournal();
    journal.push([5, 6]);
    journal.push([7]);
    journal.end();
    journal.accept(output([20], 1));
    journal.accept(output([21], 2));
    expect([journal.read, journal.ended]).toEqual([[5, 6, 7], true]);
    journal.restart();
    expect(journal.accept(output([], 1))).toBeUndefined();
    expect(journal.accept(output([20], 2))).toBeUndefined();
    expect(journal.accept(output([21, 22], 3))).toEqual({ ...output([22], 3) });
    journal.restart();
    expect(journal.accept(output([20, 21, 22], 3))).toBeUndefined();
    expect(journal.accept(output([], 3, true))).toEqual(output([], 3, true));
  });

  it("never says that less was read than before", () => {
    const journal = new SegmentJournal();
    journal.accept(output([20], 4));
    journal.restart();
    expect(journal.accept(output([20, 21], 2))).toMatchObject({ ids: [21], tokensRead: 4 });
  });

  it("knows whether something is owed to it", () => {
    const journal = new SegmentJournal();
    journal.push([5, 6]);
    journal.accept(output([20], 1));
    expect(journal.pending).toBe(true);
    journal.accept(output([], 2));
    expect(journal.pending).toBe(false);
    journal.end();
    expect(journal.pending).toBe(true);
  });

  it("finds out a run that says something else, or less", () => {
    const journal = new SegmentJournal();
    journal.accept(output([20, 21], 2));
    journal.restart();
    expect(() => journal.accept(output([20, 25], 2))).toThrow(ReplayError);
    journal.restart();
    expect(() => journal.accept(output([20], 2, true))).toThrow(ReplayError);
  });
});
