import { describe, expect, it } from "vitest";
import { displayColumns, graphemes } from "./display-columns.ts";

describe("displayColumns", () => {
  it.each([
    ["", 0],
    ["plain text", 10],
    ["für", 3],
    ["fu\u0308r", 3],
    ["„Æſ–Ƶ…“ ¿©", 10],
    ["©\ufe0f", 2],
    ["a\u00adb", 2],
    ["日本語", 6],
    ["ﾃｽﾄ", 3],
    ["ＡＢ", 4],
    ["한국", 4],
    ["👩‍👩‍👧", 2],
    ["❤️", 2],
    ["🇩🇪", 2],
    ["שָׁלוֹם", 4],
    ["\u200fabc\u202c", 3],
    ["ไทย", 3],
    ["ก็", 1],
  ])("%j takes %i", (text, columns) => {
    expect(displayColumns(text)).toBe(columns);
  });
});

describe("graphemes", () => {
  it("are what a reader takes for one character", () => {
    expect(graphemes("e\u0301👩‍🚀x")).toEqual(["e\u0301", "👩‍🚀", "x"]);
  });
});
