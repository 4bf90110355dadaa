import { describe, expect, it } from "vitest";
import { captionWords, columnsOf, textOf } from "./caption-word.ts";

const texts = (text: string, language = "en", columns = 37) =>
  captionWords(text, language, columns).map((word) => word.text);

describe("captionWords", () => {
  it("are what white space sets apart; a no-break space does not", () => {
    expect(texts("Good  day,\nMr. Fox")).toEqual(["Good", "day,", "Mr.", "Fox"]);
    expect(texts("Bonjour\u202f! 5\u00a0km", "fr")).toEqual(["Bonjour\u202f!", "5\u00a0km"]);
    expect(texts("one\u0000two\u2028three")).toEqual(["one", "two", "three"]);
    expect(texts(" \t\n")).toEqual([]);
  });

  it("are a dictionary's words where the writing has no spaces, with marks where they belong", () => {
    const japanese = texts("今日は、「駅」で会いましょう。", "ja");
    expect(japanese.length).toBeGreaterThan(4);
    expect(japanese.join("")).toBe("今日は、「駅」で会いましょう。");
    expect(japanese.filter((word) => /^[、。」]/u.test(word) || /「$/u.test(word))).toEqual([]);
    expect(texts("สวัสดีครับทุกคน", "th")).toEqual(["สวัสดี", "ครับ", "ทุก", "คน"]);
    expect(texts("Node.js 是 v20.1 的", "zh")).toEqual(["Node.js", "是", "v20.1", "的"]);
  });

  it("are cut between graphemes only where they are wider than a line", () => {
    expect(texts("Donaudampfschifffahrt", "de", 10)).toEqual(["Donaudampf", "schifffahr", "t"]);
    expect(texts("e\u0301".repeat(3), "en", 2)).toEqual(["e\u0301e\u0301", "e\u0301"]);
    expect(texts("👩‍🚀👩‍🚀", "en", 3)).toEqual(["👩‍🚀", "👩‍🚀"]);
  });

  it("make lines again", () => {
    const words = captionWords("  The 今日 train", "ja", 37);
    expect(textOf(words)).toBe("The 今日 train");
    expect(columnsOf(words)).toBe(14);
    expect(textOf(words.slice(1))).toBe("今日 train");
  });
});
