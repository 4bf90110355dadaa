import { expect, test } from "vitest";
import { beginsSentence, mayBecomeValue, partsOf, valueKind } from "./value-pattern.ts";

/** As many tokens as letters: a vocabulary that knows no name. */
const tokens = (text: string) => text.length;

test.each([
  ["417", "number"],
  ["1,200", "number"],
  ["14:30", "number"],
  ["2024-05-21", "number"],
  ["192.168.1.20", "number"],
  ["LH2471", "code"],
  ["88-1043-C", "code"],
  ["kx93Lm", "code"],
  ["www.example.org", "address"],
  ["https://example.com/start", "address"],
  ["info@example.net", "address"],
  ["files.example.net/book.pdf", "address"],
  ["report.txt", "address"],
  ["Okafor", "name"],
  ["Lindqvist-Meyer", "name"],
  ["5", undefined],
  ["12th", undefined],
  ["80s", undefined],
  ["home.then", undefined],
  ["and/or", undefined],
  ["Tom", undefined],
  ["word", undefined],
  ["USA", undefined],
] as const)("%s: %s", (word, kind) => {
  expect(valueKind(word, tokens)).toBe(kind);
});

test("a name that the vocabulary knows is a word", () => {
  expect(valueKind("Berlin", () => 1)).toBeUndefined();
  expect(valueKind("Carpenter", (text) => (text === "carpenter" ? 1 : 9))).toBeUndefined();
});

test("marks around a word are not its own", () => {
  expect(partsOf('("12.5%"),')).toEqual({ before: '("', value: "12.5", after: '%"),' });
  expect(partsOf("$3.50.")).toEqual({ before: "$", value: "3.50", after: "." });
  expect(partsOf("...")).toEqual({ before: "", value: "", after: "..." });
});

test("a word that may still become a value is waited for", () => {
  for (const beginning of ["wel", "25", "25.", "25,", "a@", "(12", "www.", "AT&"])
    expect(mayBecomeValue(beginning)).toBe(true);
  for (const beginning of ["word,", "word!", "25)", "it;"]) expect(mayBecomeValue(beginning)).toBe(false);
});

test("a capital says nothing at the beginning of a sentence", () => {
  for (const before of ["", "home.", "so?!", 'said:"']) expect(beginsSentence(before)).toBe(true);
  for (const before of ["the", "Mr.", "J.", "and,"]) expect(beginsSentence(before)).toBe(false);
});
