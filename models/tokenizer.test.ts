import { createRequire } from "node:module";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BundleError } from "./bundle-error.ts";
import { standInTokenizer, standInTokenizerJson } from "./stand-in-tokenizer.ts";
import { Tokenizer } from "./tokenizer.ts";
import { BLANK_ID, EOS_ID, PAD_ID, UNK_ID } from "./vocabulary.ts";

interface ReferenceTokenizer {
  encode(text: string): { ids: number[] };
  decode(ids: number[], options: { skip_special_tokens: boolean; clean_up_tokenization_spaces: boolean }): string;
}
// Its type declarations do not resolve under NodeNext.
const reference: { Tokenizer: new (tokenizer: object, config: object) => ReferenceTokenizer } = createRequire(
  import.meta.url,
)("@huggingface/tokenizers");
const huggingFace = new reference.Tokenizer(standInTokenizerJson(), {});
const tokenizer = standInTokenizer();

const sentence = fc
  .array(
    fc.constantFrom(
      "the",
      "theater",
      "in",
      "Innenstadt",
      "und",
      "der",
      "die",
      "word",
      "chest",
      "don't",
      " ",
      " ",
      " ",
      "42",
      ".",
      ",",
      "?",
      "ß",
      "≠",
      "日",
      "😀",
      "a\u0301",
    ),
    { maxLength: 30 },
  )
  .map((parts) => parts.join(""));

describe("Tokenizer", () => {
  it("encodes as the Hugging Face reader of the same file does", () => {
    fc.assert(
      fc.property(sentence, (text) => {
        fc.pre(text.trim() !== "");
        expect(tokenizer.encode(text)).toEqual(huggingFace.encode(text).ids);
      }),
    );
  });

  it("decodes as the Hugging Face reader does", () => {
    fc.assert(
      fc.property(sentence, (text) => {
        const ids = tokenizer.encode(text);
        fc.pre(ids.length > 0);
        const expected = huggingFace.decode(ids, { skip_special_tokens: true, clean_up_tokenization_spaces: false });
        // Its own trims one space only; an unknown word leaves two.
        expect(tokenizer.decode(ids)).toBe(expected.replace(/ +/g, " ").trim());
      }),
    );
  });

  it("gives the text back, white space made single", () => {
    expect(tokenizer.decode(tokenizer.encode("  The  words,\tand the 2nd  "))).toBe("The words, and the 2nd");
    expect(tokenizer.encode("")).toEqual([]);
    expect(tokenizer.decode([])).toBe("");
  });

  it("joins by rank, from the left", () => {
    expect(tokenizer.encode("the word").map((id) => tokenizer.pieceOf(id))).toEqual(["▁the", "▁word"]);
    expect(tokenizer.encode("ththee").map((id) => tokenizer.pieceOf(id))).toEqual(["▁", "th", "the", "e"]);
  });

  it("reads special tokens in text as text, and drops their ids in decoding", () => {
    expect(tokenizer.encode("</s>")).not.toContain(EOS_ID);
    const the = tokenizer.encode("the");
    expect(tokenizer.decode([PAD_ID, ...the, BLANK_ID, UNK_ID, ...the, EOS_ID])).toBe("the the");
  });

  it("encodes a word of 10,000 letters in pieces of 64", () => {
    expect(tokenizer.encode("q".repeat(10_000))).toHaveLength(10_001);
  });

  it.each<[string, (json: ReturnType<typeof standInTokenizerJson>) => unknown, RegExp]>([
    ["another model", (json) => ({ ...json, model: { ...json.model, type: "Unigram" } }), /model\.type/],
    [
      "other cuts",
      (json) => ({ ...json, pre_tokenizer: { ...json.pre_tokenizer, pattern: { Regex: "\\s+" } } }),
      /pre_tokenizer\.pattern\.Regex/,
    ],
    [
      "no vocabulary",
      (json) => ({ ...json, model: { ...json.model, vocab: {} }, added_tokens: [] }),
      /id 0 must be "<pad>", found nothing/,
    ],
    [
      "specials elsewhere",
      (json) => ({ ...json, added_tokens: [{ id: 4, content: "<mask>" }] }),
      /id 4 must be "<blank>", found "<mask>"/,
    ],
    [
      "a hole",
      (json) => ({ ...json, model: { ...json.model, vocab: { ...json.model.vocab, q: 500 } } }),
      /id \d+ is missing/,
    ],
    ["a merge of three", (json) => ({ ...json, model: { ...json.model, merges: ["a b c"] } }), /model\.merges\.0/],
  ])("refuses %s and says where", (_, change, message) => {
    expect(() => Tokenizer.fromJson(change(standInTokenizerJson()))).toThrow(message);
    expect(() => Tokenizer.fromJson(change(standInTokenizerJson()))).toThrow(BundleError);
  });

  it("names an id outside the vocabulary", () => {
    expect(() => tokenizer.pieceOf(9999)).toThrow(/9999/);
  });
});
