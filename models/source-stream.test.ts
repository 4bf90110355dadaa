import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SourceStream } from "./source-stream.ts";
import { standInTokenizer } from "./stand-in-tokenizer.ts";

const tokenizer = standInTokenizer();

describe("SourceStream", () => {
  it("gives the tokens of the whole text whatever the cut", () => {
    const text = fc.array(fc.constantFrom("the", "wörd", "e\u0301", "=\u0338", " ", "\n ", "7", "don't", "!", "😀"), {
      maxLength: 20,
    });
    fc.assert(
      fc.property(text, fc.integer({ min: 1, max: 5 }), (parts, size) => {
        const whole = parts.join("");
        const source = new SourceStream(tokenizer);
        const words = [];
        for (let at = 0; at < whole.length; at += size) words.push(...source.push(whole.slice(at, at + size)));
        words.push(...source.flush());
        expect(words.flatMap(({ ids }) => ids)).toEqual(tokenizer.encode(whole));
      }),
    );
  });

  it("says which units begin a word", () => {
    const source = new SourceStream(tokenizer);
    const words = [...source.push("Well, it's 42 "), ...source.flush(), ...source.push("then"), ...source.flush()];
    expect(words.map(({ text, startsWord }) => (startsWord ? ` ${text}` : text))).toEqual([
      " Well",
      ",",
      " it's",
      " 4",
      "2",
      " then",
    ]);
  });
});
