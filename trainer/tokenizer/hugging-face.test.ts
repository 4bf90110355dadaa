import { Tokenizer as HuggingFaceTokenizer } from "@huggingface/tokenizers";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Tokenizer } from "../../models/tokenizer.ts";
import { UNK_ID } from "../../models/vocabulary.ts";
import { BulkEncoder } from "./bulk-encoder.ts";
import { PieceCounter } from "./piece-counter.ts";
import { tokenizerJson } from "./tokenizer-json.ts";
import { trainBpe } from "./train-bpe.ts";

const sentences = [
  "The ferry leaves at 18:45, doesn't it?",
  "Die Fähre legt um 18.45 Uhr ab, nicht wahr?",
  "She’s read all twelve chapters — twice!",
  "Sie hat alle zwölf Kapitel gelesen – zweimal!",
  "Don't worry: there's enough soup for 30 guests.",
  "Keine Sorge, die Suppe reicht für 30 Gäste.",
  "“Whose gloves are these?” asked the conductor.",
  "„Wem gehören diese Handschuhe?“, fragte der Schaffner.",
  "Rock 'n' roll isn't dead (yet).",
  "Größenverhältnisse ändern sich überall, auch bei Straßenbahnfahrern.",
];

const counter = new PieceCounter();
for (const sentence of sentences) counter.add(sentence, 3);
const content = tokenizerJson(trainBpe(counter.counts(), { size: 220, minimumCount: 3 }));
const json: Record<string, unknown> = JSON.parse(JSON.stringify(content));

const huggingFace = new HuggingFaceTokenizer(json, { clean_up_tokenization_spaces: false });
const tokenizer = Tokenizer.fromJson(json);
const bulk = new BulkEncoder(tokenizer);

function expectSame(text: string): void {
  const ids = huggingFace.encode(text).ids;
  expect(tokenizer.encode(text), JSON.stringify(text)).toEqual(ids);
  expect(bulk.encode(text), JSON.stringify(text)).toEqual(ids);
  expect(bulk.encode(text), "remembered").toEqual(ids);
}

describe("tokenizer.json, read by @huggingface/tokenizers and by us", () => {
  test.each([
    ...sentences,
    "",
    " ",
    "\t \n",
    "  two   spaces,\tone tab\nand a line  ",
    "no\u00a0break, thin\u2009space, \u3000wide",
    "'quoted' and ''doubly'' and o'clock's and trailing'",
    "l’été d’Anaïs, rock’n’roll",
    "1234567 3.14 №5 ½ Ⅻ ٣",
    "a\u0308 o\u0308 u\u0308 = ä ö ü; A\u030angstro\u0308m",
    "😀 👩‍🚀 текст 中文 ﷺ",
    "x▁y ▁z▁ ▁▁",
    "https://example.org/a_b?c=d&e=%20#f",
    "-- … „ “ ” ‚ ‘ ’ « » ‹ › · •",
    "Donaudampfschifffahrtsgesellschaftskapitän",
    "a".repeat(200),
    "e\u0301".repeat(70),
    "\u200bzero\u200dwidth\ufeff",
  ])("gives the same tokens: %j", (text) => {
    expectSame(text);
  });

  test("gives the same tokens for any text", () => {
    // Lone surrogates and long runs of marks are repaired by ours alone: no other reader states what becomes of them.
    fc.assert(fc.property(fc.string({ unit: "grapheme", maxLength: 40 }), expectSame));
    const close = fc.constantFrom(
      " ",
      "  ",
      "▁",
      "'",
      "’",
      ".",
      "-",
      "7",
      "the",
      "Fähre",
      "a",
      "\u0308",
      "ß",
      "é",
      "\t",
    );
    fc.assert(fc.property(fc.string({ unit: close, maxLength: 30 }), expectSame));
  });

  test("unknown characters are <unk>, one each, and leave their neighbours as they are", () => {
    const ids = bulk.encode("the Ж theЖЖ");
    expect(ids.filter((id) => id === UNK_ID)).toHaveLength(3);
    expect(ids.slice(0, bulk.encode("the").length)).toEqual(bulk.encode("the"));
  });

  test.each(sentences)("decodes to the text again: %s", (sentence) => {
    expect(huggingFace.decode(bulk.encode(sentence))).toBe(sentence);
    expect(tokenizer.decode(bulk.encode(sentence))).toBe(sentence);
  });

  test("sentences joined with a space have the tokens of both", () => {
    expect(bulk.encode(`${sentences[0]} ${sentences[2]}`)).toEqual([
      ...bulk.encode(sentences[0]),
      ...bulk.encode(sentences[2]),
    ]);
  });

  test("our ids never come from what looks like a special token", () => {
    expect(bulk.encode("</s> <pad>").some((id) => id === 0 || id === 2)).toBe(false);
  });
});
