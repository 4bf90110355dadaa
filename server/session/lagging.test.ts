import { describe, expect, it } from "vitest";
import { averageLagging, wordDelays } from "./lagging.ts";

describe("wordDelays", () => {
  it("counts a word when its last character is written", () => {
    const writes = [
      { length: 3, read: 2 }, // "Das"
      { length: 7, read: 3 }, // " Haus" begins
      { length: 12, read: 5 }, // and ends; " ist"
    ];
    expect(wordDelays("Das Haus ist", writes)).toEqual([2, 5, 5]);
  });
});

describe("averageLagging", () => {
  it("is k for wait-k with as many words out as in", () => {
    expect(averageLagging([3, 4, 5, 6, 6, 6], 6)).toBe(3);
  });

  it("is the source's length when all is written at the end", () => {
    expect(averageLagging([6, 6, 6], 6)).toBe(6);
  });

  it("scales by the lengths and stops at the first word that saw all", () => {
    // g = 1, 2, 4; |x| = 4, |y| = 8: (1 + (2 - 0.5) + (4 - 1)) / 3
    expect(averageLagging([1, 2, 4, 4, 4, 4, 4, 4], 4)).toBeCloseTo(5.5 / 3, 12);
  });

  it("is undefined for an empty translation", () => {
    expect(averageLagging([], 4)).toBeUndefined();
  });
});
