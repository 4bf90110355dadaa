// Reading test sets: what is taken, and what is refused by line.
import { describe, expect, it } from "vitest";
import { parseTestSet, readTestSet, TestSetError } from "./test-set.ts";

describe("parseTestSet", () => {
  it("reads sources with one or more references", () => {
    expect(parseTestSet("\ufeffGood day.\tGuten Tag.\r\nI see.\tIch verstehe.\tAch so.\n", "sets/small.tsv")).toEqual({
      name: "small",
      sentences: [
        { source: "Good day.", references: ["Guten Tag."] },
        { source: "I see.", references: ["Ich verstehe.", "Ach so."] },
      ],
    });
  });

  it.each([
    ["", "x.tsv: no sentences"],
    ["a\tb\nc\n", "x.tsv:2: no reference after a tab"],
    ["a\tb\n\tc\n", "x.tsv:2: no source"],
    ["a\tb\n\nc\td\n", "x.tsv:2: no source"],
    ["a\tb\t \n", "x.tsv:1: empty reference"],
  ])("refuses %j", (content, message) => {
    expect(() => parseTestSet(content, "x.tsv")).toThrow(new TestSetError(message));
  });
});

describe("readTestSet", () => {
  it("names the file that it cannot read", async () => {
    await expect(readTestSet("/nowhere/at/all.tsv")).rejects.toThrow("/nowhere/at/all.tsv: cannot be read");
  });
});
