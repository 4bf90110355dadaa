import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SourceStream } from "../../models/source-stream.ts";
import { standInTokenizer } from "../../models/stand-in-tokenizer.ts";
import { Segmenter } from "./segmenter.ts";

const tokenizer = standInTokenizer();

/** Cuts messages into segments; "\0" in their place is a commit. */
function segmentsOf(messages: readonly string[], options: { language?: string; maxSourceTokens?: number } = {}) {
  const segments: { text: string; tokens: number }[] = [];
  let stream: SourceStream | undefined;
  let open = { text: "", tokens: 0 };
  const count = (words: { ids: readonly number[] }[]) => {
    for (const { ids } of words) open.tokens += ids.length;
    return open.tokens;
  };
  const segmenter = new Segmenter({
    language: options.language ?? "en",
    maxSourceTokens: options.maxSourceTokens ?? 160,
    sink: {
      append: (piece) => {
        stream ??= new SourceStream(tokenizer);
        open.text += piece;
        return count(stream.push(piece));
      },
      close: () => {
        count(stream!.flush());
        segments.push(open);
        open = { text: "", tokens: 0 };
        stream = undefined;
      },
    },
  });
  for (const message of messages) {
    if (message === "\0") segmenter.commit();
    else segmenter.push(message);
  }
  segmenter.commit();
  return segments;
}

const textsOf = (...args: Parameters<typeof segmentsOf>) =>
  segmentsOf(...args).map(({ text }) => text.replace(/ $/, ""));

/** Text with everything that a rule looks at, halves of surrogate pairs and odd spaces included. */
const trickyText = fc
  .array(
    fc.oneof(
      { weight: 6, arbitrary: fc.constantFrom("the", "word", "Mr", "e.g", "don't", "3", "über", "日本", "e\u0301") },
      { weight: 6, arbitrary: fc.constantFrom(" ", ". ", "? ", ", ", "; ", "\n", "。", "…", "” ") },
      { weight: 2, arbitrary: fc.constantFrom("\u00a0", "▁", "\u0085", "\ufeff", "\ud835\udc9c", "\ud835", "\udc9c") },
      { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 12 }) },
      { weight: 1, arbitrary: fc.integer({ min: 5, max: 300 }).map((length) => "ab-".repeat(length).slice(0, length)) },
    ),
    { maxLength: 60 },
  )
  .map((parts) => parts.join(""));

function cut(text: string, places: readonly number[]): string[] {
  const sorted = [...new Set(places.map((place) => place % (text.length + 1)))].sort((a, b) => a - b);
  return [0, ...sorted].map((start, index) => text.slice(start, sorted[index] ?? text.length));
}

/** White space as one space, halves of surrogate pairs replaced: what a segment's source keeps of the text. */
const plain = (text: string) =>
  text
    .replace(/\p{Surrogate}/gu, "\ufffd")
    .replace(/[\p{White_Space}▁]+/gu, " ")
    .replace(/^ | $/g, "");

describe("Segmenter", () => {
  it("ends segments at sentences' ends", () => {
    expect(textsOf(['Mr. Smith paid 3.5 dollars. "Why?" he said.  Well… ok'])).toEqual([
      "Mr. Smith paid 3.5 dollars.",
      '"Why?"',
      "he said.",
      "Well…",
      "ok",
    ]);
    expect(textsOf(["Am 3. Mai, d. h. bald. Oder nicht?"], { language: "de" })).toEqual([
      "Am 3. Mai, d. h. bald.",
      "Oder nicht?",
    ]);
  });

  it("waits for white space after a full stop, and for no more", () => {
    const closed: number[] = [];
    let pieces = 0;
    const segmenter = new Segmenter({
      language: "en",
      maxSourceTokens: 160,
      sink: { append: () => ++pieces, close: () => closed.push(pieces) },
    });
    segmenter.push("All is well.");
    expect(closed).toEqual([]);
    segmenter.push(" ");
    expect(closed).toHaveLength(1);
  });

  it("ends full-width sentences without white space", () => {
    expect(textsOf(["今日は。「はい。」元気？"])).toEqual(["今日は。", "「はい。」", "元気？"]);
  });

  it("makes no segment of white space, nor of punctuation alone before a word", () => {
    expect(textsOf(["  \n ", "\0", " ", "\0"])).toEqual([]);
    expect(textsOf(["... and then? "])).toEqual(["... and then?"]);
  });

  it("ends a segment at commit, and holds nothing back", () => {
    expect(textsOf(["wor", "\0", "ds ", "\0", "\ud835", "\0"])).toEqual(["wor", "ds", "\ufffd"]);
  });

  it("cuts a long sentence at a comma, and without one at a word", () => {
    const limit = { maxSourceTokens: 60 };
    const clauses = textsOf(["the words in order, and the words in the chest, ".repeat(4)], limit);
    expect(clauses.length).toBeGreaterThan(1);
    for (const text of clauses) expect(text).toMatch(/,$/);
    const words = textsOf(["words in order ".repeat(20)], limit);
    expect(words.length).toBeGreaterThan(1);
    for (const text of words) expect(text).toMatch(/^(words|in|order)( words| in| order)*$/);
  });

  it("gives the same segments however the text was cut", () => {
    fc.assert(
      fc.property(trickyText, fc.array(fc.nat(1000)), fc.constantFrom(16, 40, 160), (text, places, maxSourceTokens) => {
        expect(textsOf(cut(text, places), { maxSourceTokens })).toEqual(textsOf([text], { maxSourceTokens }));
      }),
      { numRuns: 300 },
    );
  });

  it("loses no text, whatever it is", () => {
    fc.assert(
      fc.property(trickyText, fc.constantFrom(16, 40, 160), (text, maxSourceTokens) => {
        const spaceless = (one: string) => one.replaceAll(" ", "");
        expect(spaceless(textsOf([text], { maxSourceTokens }).join(""))).toBe(spaceless(plain(text)));
      }),
      { numRuns: 300 },
    );
  });

  it("never opens a segment of more tokens than the position limit leaves beside EOS", () => {
    fc.assert(
      fc.property(trickyText, fc.constantFrom(16, 40, 160), (text, maxSourceTokens) => {
        for (const { tokens } of segmentsOf([text], { maxSourceTokens })) {
          expect(tokens).toBeLessThan(maxSourceTokens);
        }
      }),
      { numRuns: 300 },
    );
  });
});
