import { expect, test } from "vitest";
import { SPECIAL_TOKENS } from "../../models/vocabulary.ts";
import { freshenRows } from "./fresh-rows.ts";

const WIDTH = 8;
const ROWS = SPECIAL_TOKENS.length + 4;

/** Ordinary rows of length 2, special ones all alike. */
function weights() {
  const table = new Float32Array(ROWS * WIDTH);
  for (let id = 0; id < ROWS; id += 1) table[id * WIDTH + (id < SPECIAL_TOKENS.length ? 0 : id % WIDTH)] = 2;
  return new Map([["embedding", table]]);
}
const row = (table: Float32Array, id: number) => [...table.subarray(id * WIDTH, (id + 1) * WIDTH)];

test("rows that are alike become different ones of the usual length, the same for the same seed; others stay", () => {
  const [made, again, before] = [weights(), weights(), weights()];
  expect(freshenRows(made, [7, 8, 9], WIDTH, 1)).toBe(3);
  freshenRows(again, [7, 8, 9], WIDTH, 1);
  expect(again).toEqual(made);
  const table = made.get("embedding")!;
  for (const id of [7, 8, 9]) expect(Math.hypot(...row(table, id))).toBeCloseTo(2, 5);
  const product = row(table, 7).reduce((sum, value, at) => sum + value * row(table, 8)[at]!, 0);
  expect(Math.abs(product)).toBeLessThan(3.6);
  for (const id of [0, 6, 10, ROWS - 1]) expect(row(table, id)).toEqual(row(before.get("embedding")!, id));
});

test("rows that have come apart stay as they are", () => {
  const made = weights();
  const table = made.get("embedding")!;
  for (const id of [7, 8]) table.fill(0, id * WIDTH, (id + 1) * WIDTH)[id * WIDTH + id - 6] = 1;
  const before = table.slice();
  expect(freshenRows(made, [7, 8], WIDTH, 1)).toBe(0);
  expect(table).toEqual(before);
});
