import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SPECIAL_TOKENS } from "../../models/vocabulary.ts";
import { trainBpe } from "./train-bpe.ts";

const specials = SPECIAL_TOKENS.length;

/** The same by recounting everything for every merge. */
function trainSlowly(counts: ReadonlyMap<string, number>, size: number): string[] {
  const words = [...counts].map(([piece, count]) => ({ symbols: Array.from(piece), count }));
  const vocabulary = [...new Set(words.flatMap(({ symbols }) => symbols))].sort();
  while (specials + vocabulary.length < size) {
    const pairs = new Map<string, number>();
    for (const { symbols, count } of words) {
      for (let at = 0; at + 1 < symbols.length; at += 1) {
        const pair = `${symbols[at]} ${symbols[at + 1]}`;
        pairs.set(pair, (pairs.get(pair) ?? 0) + count);
      }
    }
    const [best] = [...pairs]
      .filter(([pair, count]) => count >= 2 && !vocabulary.includes(pair.replace(" ", "")))
      .sort(([a, countA], [b, countB]) => countB - countA || (a < b ? -1 : 1));
    if (best === undefined) break;
    const [left, right] = best[0].split(" ");
    vocabulary.push(left + right);
    for (const { symbols } of words) {
      for (let at = 0; at + 1 < symbols.length; at += 1) {
        if (symbols[at] === left && symbols[at + 1] === right) symbols.splice(at, 2, left + right);
      }
    }
  }
  return vocabulary;
}

describe("trainBpe", () => {
  test("merges the most frequent pair first", () => {
    const bpe = trainBpe(new Map(Object.entries({ low: 5, lower: 2, newest: 6, widest: 3 })), {
      size: specials + 10 + 4,
      minimumCount: 1,
    });
    expect(bpe.alphabet.join("")).toBe("deilnorstw");
    // e+s and s+t both stand 9 times: the tie goes to the pair whose text comes first.
    expect(bpe.merges).toEqual([
      ["e", "s"],
      ["es", "t"],
      ["l", "o"],
      ["lo", "w"],
    ]);
    expect(bpe.vocabulary.slice(specials + 10)).toEqual(["es", "est", "lo", "low"]);
    expect(bpe.vocabulary.slice(0, specials)).toEqual(SPECIAL_TOKENS);
  });

  test("gives what recounting gives", () => {
    const piece = fc.string({ unit: fc.constantFrom("a", "b", "c"), minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(fc.dictionary(piece, fc.integer({ min: 1, max: 9 }), { maxKeys: 12 }), (record) => {
        const counts = new Map(Object.entries(record));
        const bpe = trainBpe(counts, { size: specials + 20, minimumCount: 1 });
        expect(bpe.vocabulary.slice(specials)).toEqual(trainSlowly(counts, specials + 20));
      }),
    );
  });

  test("does not depend on the order or the fractions of the counts", () => {
    const entries: [string, number][] = [
      ["▁haus", 0.3],
      ["▁maus", 1.7],
      ["▁aus", 3],
      ["▁raus", 2.5],
    ];
    const options = { size: specials + 12, minimumCount: 0.1 };
    const bpe = trainBpe(new Map(entries), options);
    expect(trainBpe(new Map(entries.reverse()), options)).toEqual(bpe);
  });

  test("learns nothing across rare characters, and keeps them out of the vocabulary", () => {
    const bpe = trainBpe(new Map(Object.entries({ aßb: 4, ab: 20 })), { size: specials + 8, minimumCount: 5 });
    expect(bpe.vocabulary.slice(specials)).toEqual(["a", "b", "ab"]);
  });

  test("stops when no pair is left", () => {
    const bpe = trainBpe(new Map([["ab", 9]]), { size: 1000, minimumCount: 1 });
    expect(bpe.vocabulary).toHaveLength(specials + 3);
  });

  test("refuses a size without room for the characters, or beyond 16 bits", () => {
    const counts = new Map([["abcdef", 9]]);
    expect(() => trainBpe(counts, { size: specials + 5, minimumCount: 1 })).toThrow(/below the 22/);
    expect(() => trainBpe(counts, { size: 65_537, minimumCount: 1 })).toThrow(RangeError);
  });
});
