// From frames to latencies, with the words of a stream due every 400 ms.
import { describe, expect, it } from "vitest";
import { LoadFigures } from "./load-figures.ts";
import { StreamTracker } from "./stream-tracker.ts";

function track(options: { words: number; warmupMs?: number }) {
  const figures = new LoadFigures();
  const tracker = new StreamTracker({ dueMs: (word) => word * 400, warmupMs: options.warmupMs ?? 0, figures });
  for (let word = 0; word < options.words; word++) tracker.wordSent();
  let seq = 0;
  return {
    figures,
    tracker,
    delta: (segment: number, read: number, text: string, arrivedMs: number) => {
      seq += 1;
      tracker.receive({ type: "delta", segment, seq, read, text }, arrivedMs);
    },
    final: (segment: number, source: string, text: string, arrivedMs: number) => {
      seq += 1;
      tracker.receive({ type: "final", segment, seq, source, text }, arrivedMs);
    },
  };
}

const NONE = { sequence: 0, text: 0, read: 0, frame: 0, segment: 0 };

describe("StreamTracker", () => {
  it("counts from when the last word read was due", () => {
    const { figures, delta, final } = track({ words: 5 });
    delta(0, 2, "Guten", 425);
    delta(0, 3, " Tag.", 810);
    final(0, "Good day you.", "Guten Tag.", 840);
    delta(1, 2, "Ja.", 1650);
    final(1, "Yes indeed.", "Ja.", 1660);
    const summary = figures.summary();
    expect(summary).toMatchObject({ wordsSent: 5, wordsFinal: 5, deltas: 3, finals: 2, violations: NONE });
    expect(summary.wordLatencyMs).toMatchObject({ count: 3, max: 50 });
    expect(summary.wordLatencyMs?.mean).toBeCloseTo((25 + 10 + 50) / 3, 10);
    // First words were due at 0 and at 1200.
    expect(summary.firstDeltaMs).toMatchObject({ count: 2, mean: (425 + 450) / 2 });
    // The first deltas had read the words due at 400 and at 1600.
    expect(summary.firstDeltaLatencyMs).toMatchObject({ count: 2, mean: (25 + 50) / 2 });
    // Last words were due at 800 and at 1600.
    expect(summary.finalMs).toMatchObject({ count: 2, mean: (40 + 60) / 2 });
  });

  it("keeps a later segment's frames until it knows where that segment begins", () => {
    const { figures, delta, final } = track({ words: 4 });
    delta(1, 1, "zwei", 900);
    delta(0, 2, "eins", 950);
    final(1, "c d", "zwei", 1250);
    final(0, "a b", "eins", 1300);
    const summary = figures.summary();
    expect(summary.violations).toEqual(NONE);
    // Due at 800 (third word) and at 400; arrived at 900 and at 950.
    expect(summary.wordLatencyMs).toMatchObject({ count: 2, mean: (100 + 550) / 2 });
    expect(summary.finalMs).toMatchObject({ count: 2, mean: (50 + 900) / 2 });
  });

  it("leaves words due in the warm-up out of latencies, not out of counts", () => {
    const { figures, delta, final } = track({ words: 4, warmupMs: 900 });
    delta(0, 3, "a", 850);
    delta(0, 4, "b", 1210);
    final(0, "a b c d", "ab", 1220);
    const summary = figures.summary();
    expect(summary).toMatchObject({ deltas: 2, firstDeltaMs: null });
    expect(summary.wordLatencyMs).toMatchObject({ count: 1, max: 10 });
    expect(summary.finalMs).toMatchObject({ count: 1, max: 20 });
  });

  it("keeps the server's own figures where it sends them", () => {
    const { figures, tracker } = track({ words: 1 });
    const timings = { latency: 8, queue: 1.5, compute: 4 };
    tracker.receive({ type: "delta", segment: 0, seq: 1, read: 1, text: "a", ...timings }, 10);
    expect(figures.summary().serverMs).toMatchObject({ latency: { max: 8 }, queue: { max: 1.5 }, compute: { max: 4 } });
  });

  it("counts what breaks the protocol", () => {
    const { figures, tracker, delta, final } = track({ words: 2 });
    delta(0, 0, "a", 1);
    delta(0, 3, "b", 2);
    final(0, "a b", "abc", 500);
    delta(0, 1, "late", 501);
    tracker.receive({ type: "delta", segment: 1, seq: 9, read: 1, text: "x" }, 502);
    expect(figures.violations).toEqual({ sequence: 1, text: 1, read: 3, frame: 0, segment: 1 });
  });
});
