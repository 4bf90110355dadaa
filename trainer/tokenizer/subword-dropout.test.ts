import { describe, expect, test } from "vitest";
import { BytePairEncoder } from "../../models/byte-pair.ts";
import { SPECIAL_TOKENS, UNK_ID } from "../../models/vocabulary.ts";
import { Random } from "../random.ts";
import { PieceCounter } from "./piece-counter.ts";
import { SubwordDropout } from "./subword-dropout.ts";
import { learnVocabulary } from "./vocabulary-source.ts";

const TEXT = "The lower tower is lower than the newest tower, and the widest flower grows in the newest shower.";

const counter = new PieceCounter();
counter.add(TEXT, 10);
const { tokenizer } = learnVocabulary(counter.counts(), { size: 90, minimumCount: 1 });
const subwords = new SubwordDropout(tokenizer);
const ids = tokenizer.encode(TEXT);
const letters = Array.from(TEXT.replaceAll(" ", "▁")).length + 1; // and the space before the text

describe("BPE-dropout", () => {
  test("at rate 0 gives the tokenizer's own ids", () => {
    expect(subwords.cut(ids, 0, new Random(1))).toEqual(ids);
    expect(subwords.cut(Uint16Array.from(ids), 0, new Random(1))).toEqual(ids);
  });

  test.each([0.1, 0.5, 0.9])("at rate %s keeps the text, and cuts it otherwise each time", (rate) => {
    const random = new Random(2);
    const cuts = Array.from({ length: 20 }, () => subwords.cut(ids, rate, random));
    for (const cut of cuts) expect(tokenizer.decode(cut)).toBe(TEXT);
    expect(new Set(cuts.map(String)).size).toBeGreaterThan(10);
    expect(subwords.cut(ids, rate, new Random(2))).toEqual(cuts[0]);
  });

  test("cuts finer the higher the rate is, down to single characters", () => {
    const mean = (rate: number) => {
      const random = new Random(3);
      const lengths = Array.from({ length: 50 }, () => subwords.cut(ids, rate, random).length);
      return lengths.reduce((sum, length) => sum + length, 0) / lengths.length;
    };
    const means = [0, 0.1, 0.3, 0.6, 1].map(mean);
    expect(means).toEqual([...means].sort((a, b) => a - b));
    expect(means[0]).toBe(ids.length);
    expect(means.at(-1)).toBe(letters);
  });

  test("leaves special ids where they are", () => {
    const [placeholder, unknown] = [SPECIAL_TOKENS.length - 9, UNK_ID];
    const mixed = [placeholder, ...ids.slice(0, 4), unknown, ...ids.slice(4)];
    const cut = subwords.cut(mixed, 0.5, new Random(4));
    expect(cut.filter((id) => id < SPECIAL_TOKENS.length)).toEqual([placeholder, unknown]);
    expect(cut[0]).toBe(placeholder);
    expect(tokenizer.decode(cut.slice(0, cut.indexOf(unknown)))).toBe(tokenizer.decode(ids.slice(0, 4)));
    expect(tokenizer.decode(cut)).toBe(tokenizer.decode(mixed));
  });

  test("the best of the merges that are left comes next (Provilkov et al. 2020, algorithm 1)", () => {
    // a piece of three characters whose two merges are both possible: leaving out the better one takes the other
    const merges = ["b c", "a b", "a bc", "ab c"].map((merge): [string, string] => {
      const [left, right] = merge.split(" ");
      return [left!, right!];
    });
    const alphabet = ["▁", "a", "b", "c", "bc", "ab", "abc"];
    const pieces = [...SPECIAL_TOKENS, ...alphabet];
    const encoder = new BytePairEncoder(new Map(pieces.map((piece, id) => [piece, id])), merges, UNK_ID);
    const asked: boolean[] = [];
    const leaveOut = (...places: number[]) => {
      asked.length = 0;
      return () => places.includes(asked.push(true) - 1);
    };
    const piecesOf = (found: readonly number[]) => found.map((id) => pieces[id]);
    expect(piecesOf(encoder.cut("abc", leaveOut()))).toEqual(["abc"]);
    expect(piecesOf(encoder.cut("abc", leaveOut(1)))).toEqual(["abc"]); // a b, then ab c
    expect(asked).toHaveLength(3);
    expect(piecesOf(encoder.cut("abc", leaveOut(1, 2)))).toEqual(["ab", "c"]);
    expect(piecesOf(encoder.cut("abc", leaveOut(0, 2)))).toEqual(["a", "bc"]);
    expect(piecesOf(encoder.cut("abc", leaveOut(0, 1)))).toEqual(["a", "b", "c"]);
  });
});
