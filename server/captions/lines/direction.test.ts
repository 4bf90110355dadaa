import { describe, expect, it } from "vitest";
import { DIRECTION_MARKS, directedLines, isRightToLeft } from "./direction.ts";

const RLM = "\u200f";
const LRM = "\u200e";

describe("directedLines", () => {
  it("leaves lines alone that read the right way by themselves", () => {
    expect(directedLines(["Good day.", "42!"], "en")).toEqual(["Good day.", "42!"]);
    expect(directedLines(["שלום, עולם."], "he")).toEqual(["שלום, עולם."]);
    expect(directedLines(['"مرحبا" 5.'], "ar-EG")).toEqual(['"مرحبا" 5.']);
  });

  it("marks lines whose first letter is of the other direction, and those without letters", () => {
    expect(directedLines(["Linux הוא טוב.", "כן.", "2026!"], "he")).toEqual([
      `${RLM}Linux הוא טוב.`,
      "כן.",
      `${RLM}2026!`,
    ]);
    expect(directedLines(["שלום means peace."], "en")).toEqual([`${LRM}שלום means peace.`]);
  });

  it("closes a stretch of its own direction where a line ends, and opens it again", () => {
    expect(directedLines(["a \u2067b", "c\u2069 d"], "en")).toEqual(["a \u2067b\u2069", "\u2067c\u2069 d"]);
    expect(directedLines(["a \u202b\u2066b", "c", "d"], "en")).toEqual([
      "a \u202b\u2066b\u2069\u202c",
      "\u202b\u2066c\u2069\u202c",
      "\u202b\u2066d\u2069\u202c",
    ]);
  });

  it("adds nothing that is seen", () => {
    expect(directedLines(["Linux הוא"], "he")[0].replace(DIRECTION_MARKS, "")).toBe("Linux הוא");
  });
});

describe("isRightToLeft", () => {
  it("goes by the language, whatever the region", () => {
    expect(["ar", "he-IL", "FA", "ur_PK"].every(isRightToLeft)).toBe(true);
    expect(["en", "de-AT", "ja"].some(isRightToLeft)).toBe(false);
  });
});
