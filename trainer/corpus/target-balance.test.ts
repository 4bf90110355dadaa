import { expect, test } from "vitest";
import { targetFactors } from "./target-balance.ts";

const corpora = [
  { target: "de", weight: 1, pairs: 600 },
  { target: "de", weight: 0.5, pairs: 600 },
  { target: "fr", weight: 1, pairs: 100 },
];

test("a temperature of 1 leaves the weights as they are", () => {
  expect([...targetFactors(corpora, 1)]).toEqual([
    ["de", 1],
    ["fr", 1],
  ]);
});

test("shares 0.9 and 0.1 become 0.75 and 0.25 at temperature 2, and an epoch keeps its length", () => {
  const factors = targetFactors(corpora, 2);
  expect(factors.get("de")).toBeCloseTo(0.75 / 0.9, 12);
  expect(factors.get("fr")).toBeCloseTo(0.25 / 0.1, 12);
  const sampled = corpora.map(({ target, weight, pairs }) => weight * factors.get(target)! * pairs);
  expect(sampled.reduce((sum, pairs) => sum + pairs, 0)).toBeCloseTo(1000, 9);
});

test("a high temperature makes the shares equal", () => {
  const factors = targetFactors(corpora, 1e6);
  expect(900 * factors.get("de")!).toBeCloseTo(500, 2);
  expect(100 * factors.get("fr")!).toBeCloseTo(500, 2);
});
