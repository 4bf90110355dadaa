import fc from "fast-check";
import { expect, test } from "vitest";
import { PairSet } from "./pair-set.ts";

test("holds what was added and nothing else, as a Set does", () => {
  const texts = fc.array(fc.string({ unit: "grapheme", maxLength: 6 }), { maxLength: 200 });
  const property = fc.property(texts, texts, (added, asked) => {
    const set = new PairSet();
    const model = new Set(added);
    for (const text of added) set.add(text);
    expect(set.size).toBe(model.size);
    for (const text of [...added, ...asked]) expect(set.has(text)).toBe(model.has(text));
  });
  fc.assert(property);
});

test("grows past its first places, in the bytes it promises, and takes no two near texts for one", () => {
  const set = new PairSet();
  const count = 300_000;
  for (let index = 0; index < count; index += 1) set.add(`sentence ${index}\tSatz ${index}`);
  expect(set.size).toBe(count);
  expect(set.bytes / count).toBeLessThanOrEqual(22);
  expect(set.bytes / count).toBeGreaterThanOrEqual(8);
  expect(set.has("sentence 299999\tSatz 299999")).toBe(true);
  expect(set.has("sentence 299999\tSatz 299998")).toBe(false);
});
