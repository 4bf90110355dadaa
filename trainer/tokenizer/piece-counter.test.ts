import { expect, test } from "vitest";
import { PieceCounter } from "./piece-counter.ts";

test("counts every word's pieces, weighted", () => {
  const counter = new PieceCounter();
  counter.add("tea and tea");
  counter.add("tea", 0.5);
  const counts = counter.counts();
  expect([...counts.values()].sort()).toEqual([1, 2.5]);
  expect(counter.forgotten).toBe(0);
});

test("forgets the rarest words where there are too many, and says what a count may lack", () => {
  const counter = new PieceCounter(1000);
  const exact = new PieceCounter();
  for (let index = 0; index < 20_000; index += 1) {
    const rare = index.toString(26).replace(/\d/g, (digit) => "qrstuvwxyz"[Number(digit)]);
    for (const one of [counter, exact]) one.add(`often rare${rare} often fairly${"abcdefghij"[index % 10]}`);
  }
  expect(counter.counts().size).toBeLessThanOrEqual(1100);
  expect(counter.forgotten).toBeGreaterThan(0);
  const kept = counter.counts();
  for (const [piece, count] of exact.counts()) {
    const found = kept.get(piece) ?? 0;
    expect(found).toBeLessThanOrEqual(count);
    if (count > counter.forgotten) expect(found, piece).toBeGreaterThanOrEqual(count - counter.forgotten);
  }
});
