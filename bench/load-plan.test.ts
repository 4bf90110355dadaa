// The plan: order, rate and text.
import { describe, expect, it } from "vitest";
import { SENTENCES } from "./fixtures/sentences.ts";
import { LoadPlan } from "./load-plan.ts";

describe("LoadPlan", () => {
  const sentences = ["One two three.", "Four  five.", " "];
  const plan = new LoadPlan({ streams: 4, wordsPerMinute: 150, seconds: 2.5, sentences });

  it("spreads the streams' words evenly at the rate asked for", () => {
    expect(plan.intervalMs).toBe(400);
    expect(plan.wordsPerStream).toBe(6);
    expect(plan.words).toBe(24);
    expect([0, 1, 2, 3, 4, 5].map((number) => plan.at(number).dueMs)).toEqual([0, 100, 200, 300, 400, 500]);
    expect(plan.at(5)).toMatchObject({ stream: 1, word: 1, dueMs: plan.dueMs(1, 1) });
  });

  it("begins streams at different sentences and goes round the text", () => {
    const said = (stream: number) =>
      Array.from({ length: 6 }, (_, word) => plan.at(word * plan.streams + stream).text).join("");
    expect(said(0)).toBe("One two three. Four five. One ");
    expect(said(1)).toBe("Four five. One two three. Four ");
  });

  it("marks the ends of sentences", () => {
    const ends = [0, 1, 2, 3, 4].map((word) => plan.at(word * plan.streams).endsSentence);
    expect(ends).toEqual([false, false, true, false, true]);
  });

  it("refuses what cannot be spoken", () => {
    const options = { streams: 1, wordsPerMinute: 150, seconds: 1, sentences };
    expect(() => new LoadPlan({ ...options, streams: 0 })).toThrow("streams must be above zero");
    expect(() => new LoadPlan({ ...options, wordsPerMinute: Number.NaN })).toThrow("wordsPerMinute");
    expect(() => new LoadPlan({ ...options, sentences: [" "] })).toThrow("no text");
  });
});

it("has sentences that end with punctuation", () => {
  for (const sentence of Object.values(SENTENCES).flat()) expect(sentence).toMatch(/^\S.*\S[.?!]$/u);
});
