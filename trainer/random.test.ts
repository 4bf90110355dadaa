import { expect, test } from "vitest";
import { Random } from "./random.ts";

test("the same seed gives the same draws, another label others", () => {
  const draws = (...parts: (number | string)[]) => {
    const random = new Random(...parts);
    return Array.from({ length: 4 }, () => random.below(1000));
  };
  expect(draws(1, "joins")).toEqual(draws(1, "joins"));
  expect(draws(1, "joins")).not.toEqual(draws(1, "order"));
  expect(draws(1, "joins")).not.toEqual(draws(2, "joins"));
  // Saved training runs resume by these numbers: they may never change.
  expect(draws(1, "joins")).toMatchInlineSnapshot(`
    [
      770,
      961,
      945,
      972,
    ]
  `);
});

test("draws are even", () => {
  const random = new Random(5);
  const counts = new Array(10).fill(0);
  for (let draw = 0; draw < 100_000; draw += 1) counts[random.below(10)] += 1;
  for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(500);
});

test("shuffling keeps every item", () => {
  const items = Uint32Array.from({ length: 100 }, (_, index) => index);
  const shuffled = new Random(1).shuffle(items.slice());
  expect(shuffled).not.toEqual(items);
  expect(shuffled.slice().sort()).toEqual(items);
});
