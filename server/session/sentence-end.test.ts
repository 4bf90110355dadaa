import { describe, expect, it } from "vitest";
import { endsClause, endsSentence } from "./sentence-end.ts";

const ends = (word: string, language = "en", first = false) => endsSentence(word, language, first);

describe("endsSentence", () => {
  it.each([
    "home.",
    "home!",
    "home?!",
    "home…",
    "home...",
    'home."',
    "home.)",
    "home.”",
    "3.5.",
    "1999.",
    "家。",
    "NASA.",
  ])("ends at %s", (word) => expect(ends(word)).toBe(true));

  it.each([
    "home",
    "home,",
    "home:",
    "3.5",
    "Mr.",
    "(Dr.",
    "e.g.",
    "i.e.",
    "U.S.",
    "p.m.",
    "J.",
    "vs.",
    "etc.",
    "Ph.D.",
  ])("does not end at %s", (word) => expect(ends(word)).toBe(false));

  it.each(["z.B.", "d.h.", "z.", "B.", "usw.", "bzw.", "Nr.", "Dr.", "3.", "24.", "XIV.", "Mio.", "max.", "„Hr."])(
    "does not end at German %s",
    (word) => expect(ends(word, "de-AT")).toBe(false),
  );

  it.each(["Haus.", "Haus.“", "Haus!«", "1999.", "Max.", "so.", "Art."])("ends at German %s", (word) =>
    expect(ends(word, "de")).toBe(true),
  );

  it("takes the pronoun I for a sentence's end in English only", () => {
    expect(ends("I.", "en")).toBe(true);
    expect(ends("I.", "de")).toBe(false);
  });

  it("takes a number that begins a segment for a list's marker", () => {
    expect(ends("2.", "en", true)).toBe(false);
    expect(ends("2.", "en", false)).toBe(true);
  });
});

describe("endsClause", () => {
  it("knows commas and their like, closing quotes after them included", () => {
    for (const word of ["yes,", "yes;", "yes:", "yes,”", "–", "是，"]) expect(endsClause(word), word).toBe(true);
    for (const word of ["yes", "yes.", "a,b"]) expect(endsClause(word), word).toBe(false);
  });
});
