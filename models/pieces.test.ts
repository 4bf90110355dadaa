import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MAX_MARKS_IN_A_ROW, MAX_PIECE_LETTERS, normalizeText, PieceSplitter, splitPieces } from "./pieces.ts";

/** Text from the characters where streaming goes wrong first. */
const awkwardText = fc
  .array(
    fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom("a", "e", "Z", "ü", " ", "  ", "'", "’", "1", "23", ".", ",", "-", "…") },
      {
        weight: 3,
        arbitrary: fc.constantFrom("\u0301", "\u0327", "\u0338", "\u0300", "=", "<", "≠", "¨", "∈", "e\u0301"),
      },
      {
        weight: 2,
        arbitrary: fc.constantFrom("𝒜", "😀", "\u{1F468}\u200D\u{1F469}", "\uD83D", "\uDE00", "1\uFE0F\u20E3"),
      },
      {
        weight: 2,
        arbitrary: fc.constantFrom("\n", "\t", "\u00A0", "\u2003", "▁", "\u0085", "\uFEFF", "\u200B", "\0"),
      },
      {
        weight: 2,
        arbitrary: fc.constantFrom("한", "\u1112\u1161\u11AB", "\u1161", "\u11AB", "か\u3099", "क\u093C", "\u0344"),
      },
      { weight: 1, arbitrary: fc.string({ unit: "binary" }) },
    ),
    { maxLength: 40 },
  )
  .map((parts) => parts.join(""));

function cut(text: string, at: readonly number[]): string[] {
  const places = [...new Set(at.map((place) => place % (text.length + 1)))].sort((a, b) => a - b);
  return [0, ...places].map((start, index) => text.slice(start, places[index]));
}

function stream(parts: Iterable<string>): string[] {
  const splitter = new PieceSplitter();
  const pieces: string[] = [];
  for (const part of parts) pieces.push(...splitter.push(part));
  return [...pieces, ...splitter.flush()];
}

describe("splitPieces", () => {
  it("cuts words, digits and signs, each with the space before it", () => {
    expect(splitPieces("  Don't pay 12.50 €,  OK?\n")).toEqual([
      "▁Don't",
      "▁pay",
      "▁1",
      "2",
      ".",
      "5",
      "0",
      "▁€",
      ",",
      "▁OK",
      "?",
    ]);
    expect(splitPieces("'tis rock'n'roll'")).toEqual(["▁'", "tis", "▁rock'n'roll", "'"]);
    expect(splitPieces("a''b ' c")).toEqual(["▁a", "'", "'", "b", "▁'", "▁c"]);
    expect(splitPieces(" \t ")).toEqual([]);
  });

  it("cuts a word after 64 letters, marks counted, apostrophes not", () => {
    expect(splitPieces("x".repeat(130)).map((piece) => piece.length)).toEqual([1 + MAX_PIECE_LETTERS, 64, 2]);
    expect(splitPieces("x'".repeat(70))[0]).toBe(`▁${"x'".repeat(63)}x`);
  });

  it("drops marks beyond the stream-safe limit and mends lone surrogates", () => {
    expect(normalizeText(`x${"\u0323".repeat(50)}y`)).toBe(`▁x${"\u0323".repeat(MAX_MARKS_IN_A_ROW)}y`);
    expect(normalizeText("a\uD83Db")).toBe("▁a\uFFFDb");
  });

  it("gives pieces that join to the normalised text", () => {
    fc.assert(
      fc.property(awkwardText, (text) => {
        expect(splitPieces(text).join("")).toBe(normalizeText(text));
      }),
    );
  });
});

describe("PieceSplitter", () => {
  it("gives the same pieces whatever the cut", () => {
    fc.assert(
      fc.property(awkwardText, fc.array(fc.nat(), { maxLength: 12 }), (text, at) => {
        expect(stream(cut(text, at))).toEqual(splitPieces(text));
      }),
      { numRuns: 1000 },
    );
    fc.assert(
      fc.property(awkwardText, (text) => {
        expect(stream(text.split(""))).toEqual(splitPieces(text));
      }),
      {
        numRuns: 500,
      },
    );
  });

  it("gives the same pieces of long words and long runs of marks whatever the cut", () => {
    const run = fc.tuple(
      fc.constantFrom("x", "é", "e\u0301", "𝒜", "\u0301", "\u0323\u0301", "x'", "\u1161", "\u11AB"),
      fc.integer({ min: 1, max: 90 }),
    );
    const long = fc
      .array(run, { maxLength: 6 })
      .map((runs) => runs.map(([unit, times]) => unit.repeat(times)).join(""));
    fc.assert(
      fc.property(long, fc.array(fc.nat(), { maxLength: 40 }), (text, at) => {
        expect(stream(cut(text, at))).toEqual(splitPieces(text));
      }),
      { numRuns: 300 },
    );
  });

  it("releases each piece as soon as nothing can change it", () => {
    const splitter = new PieceSplitter();
    const released = [..."Can't we? 3.5 e\u0301, =\u0338 ='a' "].map((character) => splitter.push(character));
    expect(released).toEqual([
      ...[[], [], [], [], [], ["▁Can't"], [], [], ["▁we", "?"]], // Can't we?
      ...[[], ["▁3"], ["."], ["5"]], // 3.5
      ...[[], [], [], ["▁é", ","]], // é,
      ...[[], [], ["▁≠"], [], [], ["▁=", "'"], [], [], ["a", "'"]], // ≠ ='a'
    ]);
    expect(splitter.flush()).toEqual([]);
  });

  it("starts afresh after a flush", () => {
    const splitter = new PieceSplitter();
    expect(splitter.push("one two\uD83D")).toEqual(["▁one"]);
    expect(splitter.flush()).toEqual(["▁two", "\uFFFD"]);
    expect(splitter.push("\uDE00 x")).toEqual(["▁\uFFFD"]);
    expect(splitter.flush()).toEqual(["▁x"]);
    expect(splitter.flush()).toEqual([]);
  });

  it("holds back no more than a piece and its marks, however long the word", () => {
    const splitter = new PieceSplitter();
    let letters = 0;
    for (let index = 0; index < 10_000; index++) {
      letters += splitter.push("w").join("").replace("▁", "").length;
      expect(index + 1 - letters).toBeLessThanOrEqual(MAX_PIECE_LETTERS);
    }
    expect(letters + splitter.flush().join("").length).toBe(10_000);
  });

  it("knows every mark that Unicode joins with a sign, and no digit joins with any", () => {
    const joining = new Set<string>();
    for (let code = 0x80; code <= 0x10ffff; code++) {
      if (code >= 0xd800 && code <= 0xdfff) continue;
      const character = String.fromCodePoint(code);
      const parts = [...character.normalize("NFD")];
      if (parts.length < 2 || /[\p{L}\p{M}]/u.test(parts[0]) || character.normalize("NFC") !== character) continue;
      expect(parts[0]).not.toMatch(/\p{N}/u);
      for (const mark of parts.slice(1)) joining.add(mark);
    }
    expect([...joining].sort()).toEqual(["\u0300", "\u0301", "\u0338", "\u0342"]);
  });
});
