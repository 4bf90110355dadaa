import { describe, expect, test } from "vitest";
import { cleaningSchema, cleanPair, countWords } from "./cleaning.ts";
import { HeldOut } from "./held-out.ts";

const config = cleaningSchema.parse({});
const words = (count: number) => Array.from({ length: count }, () => "wort").join(" ");

const cleanLine = (line: string) => {
  const [source, target] = line.split("\t");
  return cleanPair({ source, target }, config);
};

describe("cleanPair", () => {
  test("normalises to NFC with single spaces", () => {
    expect(cleanLine(" Good\u00a0 evening. \tGuten  Abend, Ka\u0308the. ")).toEqual({
      source: "Good evening.",
      target: "Guten Abend, Käthe.",
    });
  });

  test.each([
    ["empty", "a source\t  "],
    ["control-characters", "a bell\u0007\teine Glocke"],
    ["control-characters", "broken \ufffd\tzerbrochen"],
    ["special-token", "the tag </s>\tdas Zeichen </s>"],
    ["too-many-words", `${words(101)}\t${words(90)}`],
    ["too-many-characters", `${"langeswort ".repeat(80)}\t${"langeswort ".repeat(50)}`],
    ["word-too-long", `${"x".repeat(61)}\t${"y".repeat(50)}`],
    ["length-ratio", "Yes.\tJa, das haben wir gestern schon lange besprochen."],
    ["identical", "nothing was translated here\tnothing was translated here"],
  ])("drops by rule %s", (rule, line) => {
    expect(cleanLine(line)).toBe(rule);
  });

  test.each(["Berlin\tBerlin", `${words(100)}\t${words(99)}`, "Yes.\tAber ja!", "one\teins\tmore references"])(
    "keeps %j",
    (line) => {
      expect(cleanLine(line)).toBeTypeOf("object");
    },
  );
});

test("countWords counts between single spaces", () => {
  expect(["", "one", "one two three"].map(countWords)).toEqual([0, 1, 3]);
});

test("held-out sentences are found whatever their case and punctuation", () => {
  const heldOut = new HeldOut();
  heldOut.add("Where's the harbour?");
  heldOut.add("…");
  expect(heldOut.has("where s the HARBOUR")).toBe(true);
  expect(heldOut.has("Where is the harbour?")).toBe(false);
  expect(heldOut.has("!!!")).toBe(false);
});
