// Delays of output words from the pieces they were written in.
import { describe, expect, it } from "vitest";
import { countWords, targetWordDelays } from "./delays.ts";

describe("targetWordDelays", () => {
  it("takes the moment of a word's last character", () => {
    const events = [
      { wordsRead: 2, text: "Guten Mor" },
      { wordsRead: 3, text: "gen, Frau" },
      { wordsRead: 5, text: " Weber" },
      { wordsRead: 6, text: "." },
    ];
    expect(targetWordDelays(events)).toEqual([2, 3, 3, 6]);
  });

  it("counts runs of white space once, also over the border of two pieces", () => {
    const events = [
      { wordsRead: 1, text: "eins " },
      { wordsRead: 1, text: "  " },
      { wordsRead: 4, text: "\tzwei\n" },
      { wordsRead: 5, text: "" },
    ];
    expect(targetWordDelays(events)).toEqual([1, 4]);
  });

  it("has none without output", () => {
    expect(targetWordDelays([])).toEqual([]);
    expect(targetWordDelays([{ wordsRead: 3, text: " " }])).toEqual([]);
  });

  it("refuses a count that goes down", () => {
    const events = [
      { wordsRead: 4, text: "a" },
      { wordsRead: 3, text: " b" },
    ];
    expect(() => targetWordDelays(events)).toThrow("from 4 down to 3");
  });
});

describe("countWords", () => {
  it("counts what white space separates", () => {
    expect(countWords("  Wir sind da, ja?\n")).toBe(4);
    expect(countWords(" ")).toBe(0);
  });
});
