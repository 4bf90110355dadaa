import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { WordCount } from "./word-count.ts";

describe("WordCount", () => {
  it.each([
    ["the train is late", 4],
    ["  the\ttrain\nis late. ", 4],
    ["", 0],
    ["   ", 0],
    ["x".repeat(20), 1],
    ["x".repeat(41), 3],
    ["電車は遅れています", 1],
  ])("finds in %j %i words", (text, words) => {
    expect(new WordCount().of(text)).toBe(words);
  });

  it("counts the same however the text is cut", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: "grapheme" })), (parts) => {
        const count = new WordCount();
        const cut = parts.map((part) => count.of(part)).reduce((sum, words) => sum + words, 0);
        expect(cut).toBe(new WordCount().of(parts.join("")));
      }),
    );
  });

  it("begins a new word after a commit", () => {
    const count = new WordCount();
    expect(count.of("la")).toBe(1);
    count.cut();
    expect(count.of("te")).toBe(1);
  });
});
