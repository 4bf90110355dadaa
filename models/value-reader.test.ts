import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Glossary } from "./glossary.ts";
import { standInTokenizer } from "./stand-in-tokenizer.ts";
import { VALUE_KINDS } from "./value-pattern.ts";
import { type Carrying, ValueReader } from "./value-reader.ts";

const tokenizer = standInTokenizer();
const carrying: Carrying = {
  ...{ source: "en", target: "de", kinds: new Set(VALUE_KINDS), translated: new Set(["Wednesday"]) },
  glossary: new Glossary([
    { source: "the word", target: "das Wort" },
    { source: "word", target: "Wort" },
    { source: "in the end", target: "am Ende" },
  ]),
};
const plain: Carrying = { ...carrying, glossary: undefined };

const read = (text: string, options = carrying) => {
  const reader = new ValueReader(tokenizer, options);
  return [...reader.push(text), ...reader.flush()];
};
/** Values as [text]→value, other units as text. */
const seen = (text: string, options = carrying) =>
  read(text, options)
    .map((unit) => (unit.value === undefined ? unit.text : `[${unit.text}→${unit.value}]`))
    .filter((one) => one !== "")
    .join(" ");

describe("ValueReader", () => {
  it("finds values as the target language writes them, without the marks around them", () => {
    expect(seen('at 14:30, in "1,250.5"!', plain)).toBe('at [14:30→14:30] , in " [1,250.5→1.250,5] " !');
    expect(seen("version 4.12 or 4.12", plain)).toBe("version [4.12→4.12] or [4.12→4,12]");
    expect(seen("Quandrox and Quandrox on Wednesday. Quandrox", plain)).toBe(
      "Quandrox and [Quandrox→Quandrox] on Wednesday . Quandrox",
    );
    expect(seen("at 5 or B-44. 12", plain)).toBe("at 5 or [B-44→B-44] . [12→12]");
  });

  it("finds terms in any case, the longest first, only where white space stands between their words", () => {
    expect(seen("The Word and a word, in the end")).toBe(
      "[The Word→das Wort] and a [word→Wort] , [in the end→am Ende]",
    );
    expect(seen("in the word")).toBe("in [the word→das Wort]");
    expect(seen("the, word")).toBe("the , [word→Wort]");
    expect(seen("swords")).toBe("swords");
  });

  it("counts a term's words", () => {
    const words = read("so the word is").filter(({ startsWord }) => startsWord);
    expect(words.map(({ text }) => text)).toEqual(["so", "", "the word", "is"]);
  });

  it("gives a plain word as soon as it is complete, a value at the white space, and waits for a term", () => {
    const reader = new ValueReader(tokenizer, carrying);
    const push = (text: string) => reader.push(text).map((unit) => unit.value ?? unit.text);
    expect(push("so ")).toEqual(["so"]);
    expect(push("12")).toEqual([]);
    expect(reader.heldTokens).toBeGreaterThan(0);
    expect(push(".5 ")).toEqual(["12,5"]);
    expect(push("in ")).toEqual([]);
    expect(push("the ")).toEqual([]);
    expect(push("word")).toEqual([]);
    expect(push(" ")).toEqual(["in", "", "das Wort"]);
  });

  it("gives up on a word that is too long to wait for", () => {
    const digits = "1".repeat(300);
    expect(read(digits, plain).every(({ value }) => value === undefined)).toBe(true);
    expect(seen(`${digits} 12`, plain)).toContain("[12→12]");
  });

  it("gives the same units however the text is cut", () => {
    const word = fc.constantFrom(
      ...[
        "the",
        "word",
        "The",
        "in",
        "end",
        "12",
        "1,250.5",
        "a",
        "Quandrox",
        "x1",
        "word,",
        "(12",
        '"the',
        "3",
        "don't",
      ],
      ...["B-44.", "…", "é", "ab.example", "end.", "-", "'", "a's"],
    );
    const text = fc.array(fc.tuple(word, fc.constantFrom(" ", "  ", "")), { maxLength: 12 });
    fc.assert(
      fc.property(text, fc.array(fc.nat(6), { minLength: 1 }), fc.boolean(), (words, cuts, terms) => {
        const whole = words.flat().join("");
        const options = terms ? carrying : plain;
        const reader = new ValueReader(tokenizer, options);
        const units = [];
        for (let at = 0, turn = 0; at < whole.length; turn++) {
          const length = 1 + cuts[turn % cuts.length]!;
          units.push(...reader.push(whole.slice(at, at + length)));
          at += length;
        }
        expect([...units, ...reader.flush()]).toEqual(read(whole, options));
      }),
      { numRuns: 500 },
    );
  });

  it("loses no text: without values and terms its units are the tokenizer's", () => {
    const none: Carrying = { ...plain, kinds: new Set() };
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (text) => {
        expect(read(text, none).flatMap(({ ids }) => ids)).toEqual(tokenizer.encode(text));
        expect(read(text, plain).flatMap(({ ids }) => ids)).toEqual(tokenizer.encode(text));
      }),
    );
  });
});
