// AL, LAAL, DAL and AP against values of SimulEval's own scorers (scripts/reference/simuleval_reference.py).
import { describe, expect, it } from "vitest";
import { targetWordDelays } from "./delays.ts";
import fixture from "./fixtures/simuleval.json" with { type: "json" };
import { averageLagging, corpusLatency, type LatencyScores } from "./latency.ts";

const METRICS: (keyof LatencyScores)[] = ["averageLagging", "laal", "dal", "averageProportion"];

function expectClose(actual: LatencyScores, expected: LatencyScores): void {
  for (const metric of METRICS) expect(actual[metric], metric).toBeCloseTo(expected[metric] ?? Number.NaN, 12);
}

describe("latency", () => {
  it.each(fixture.cases)("$name", ({ delays, sourceLength, referenceLength, expected }) => {
    expectClose(corpusLatency([{ delays, sourceLength, referenceLength }]), expected);
  });

  it.each(fixture.cases)("delays of $name", ({ events, delays }) => {
    // SimulEval writes whole words and puts the spaces in itself.
    expect(targetWordDelays(events.map((event) => ({ ...event, text: `${event.text} ` })))).toEqual(delays);
  });

  it("leaves a silent sentence out of the mean", () => {
    const silent = { ...fixture.silent, delays: [] };
    expectClose(corpusLatency([...fixture.cases, silent]), fixture.mean);
    expect(corpusLatency([silent]).averageLagging).toBeNull();
    expect(() => averageLagging(silent)).toThrow("without output");
  });

  it("gives an output that begins after its source's end that delay, as SimulEval does", () => {
    expect(averageLagging({ delays: [5, 5], sourceLength: 4, referenceLength: 4 })).toBe(5);
  });
});
