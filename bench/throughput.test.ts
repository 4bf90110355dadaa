// Throughput with stand-ins for the models and a clock that counts: what is read, written and timed.
import { describe, expect, it } from "vitest";
import { StandInModel } from "../models/stand-in-model.ts";
import { StandInWaitKModel } from "../models/stand-in-wait-k-model.ts";
import { measureThroughput } from "./throughput.ts";

const options = { reading: "word" as const, batchSize: 2, wait: 1, prefix: [], warmupSeconds: 0.01, seconds: 0.1 };

/** Each step takes a millisecond. */
function clock(): () => number {
  let milliseconds = 0;
  return () => {
    milliseconds += 1;
    return milliseconds;
  };
}

describe("throughput", () => {
  it("of a CTC student at wait 1 is a word a step, the end with the last word", async () => {
    const model = new StandInModel({ vocabularySize: 100 });
    const found = await measureThroughput(model, [[[20], [21]]], options, clock());
    // Two sessions; a sentence is 2 words and 3 tokens, its end included, in 2 steps of 1 ms.
    expect(found).toMatchObject({ sourceTokensPerSecond: 3000, wordsPerSecond: 2000, stepMs: 1, flushMs: 1 });
    expect(found.targetTokensPerSecond).toBeGreaterThan(0);
    expect(found.targetTokensPerSourceToken).toBeCloseTo(found.targetTokensPerSecond / 3000, 10);
    expect(new Set(model.batches), "every step is full").toEqual(new Set([2]));
  });

  it("of an autoregressive student counts a step for each token that is left at the end", async () => {
    const model = new StandInWaitKModel();
    const sentences = [
      [[20, 21], [22], [23, 24, 25]],
      [[30], [31]],
    ];
    const found = await measureThroughput(model, sentences, { ...options, wait: 2, prefix: [9] }, clock());
    expect(new Set(model.batches), "every step is full").toEqual(new Set([2]));
    expect(found.flushMs).toBeGreaterThan(1);
    expect(found.targetTokensPerSecond, "a token for each row of a step at most").toBeLessThanOrEqual(2000);
  });

  it("of sentences that are there already is a step for each with CTC, and one for each token without", async () => {
    const sentence = [[[20], [21], [22], [23]]];
    const whole = { ...options, reading: "sentence" as const };
    const ctc = await measureThroughput(new StandInModel({ vocabularySize: 100 }), sentence, whole, clock());
    // Four words and the end in a step of 1 ms, two sessions.
    expect(ctc).toMatchObject({ sourceTokensPerSecond: 10_000, wordsPerSecond: 8000, flushMs: 1 });
    const byTurns = await measureThroughput(new StandInWaitKModel(), sentence, whole, clock());
    expect(byTurns.flushMs).toBeGreaterThan(1);
    expect(byTurns.targetTokensPerSecond).toBeLessThanOrEqual(2000);
  });

  it("leaves sentences without a word out, and refuses nothing at all", async () => {
    const model = new StandInModel({ vocabularySize: 100 });
    const found = await measureThroughput(model, [[], [[20], [21]]], options, clock());
    expect(found.wordsPerSecond).toBe(2000);
    await expect(measureThroughput(model, [[], []], options)).rejects.toThrow("no sentence has a word");
  });
});
