import { expect, test } from "vitest";
import { ctcLabels } from "./ctc-labels.ts";

const NO = Math.fround(-1e30);
const BLANK = 4;

test("labels stand between blanks, and only a label that differs from the one before may be skipped to", () => {
  const target = Int32Array.of(7, 8, 8, 9, 0, 0);
  const labels = ctcLabels(target, Int32Array.of(3, 1), Int32Array.of(4, 2), 2, 3, BLANK);
  expect(labels.stateCount).toBe(7);
  expect([...labels.states].map(Number)).toEqual([4, 7, 4, 8, 4, 8, 4, 4, 9, 4, 4, 4, 4, 4]);
  expect([...labels.skips]).toEqual([NO, NO, NO, 0, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO]);
  expect([...labels.lastStates]).toEqual([6n, 2n]);
  expect([...labels.feasible]).toEqual([1, 1]);
});

test("a row needs a slot for each label and for each blank between equal neighbours", () => {
  const target = Int32Array.of(7, 7, 7, 9);
  const feasible = (slots: number) => [
    ...ctcLabels(target, Int32Array.of(4), Int32Array.of(slots), 1, 4, BLANK).feasible,
  ];
  expect([5, 6, 7].map(feasible)).toEqual([[0], [1], [1]]);
});

test("no labels at all need no slot: one state, the blank", () => {
  const labels = ctcLabels(new Int32Array(0), Int32Array.of(0), Int32Array.of(0), 1, 0, BLANK);
  expect(labels).toMatchObject({ stateCount: 1, states: BigInt64Array.of(4n), lastStates: BigInt64Array.of(0n) });
  expect([...labels.feasible]).toEqual([1]);
});

test("an id behind a row's own labels counts for nothing, also when it repeats the last one", () => {
  const labels = ctcLabels(Int32Array.of(7, 7, 7), Int32Array.of(1), Int32Array.of(1), 1, 3, BLANK);
  expect([...labels.states].map(Number)).toEqual([4, 7, 4, 4, 4, 4, 4]);
  expect([...labels.feasible]).toEqual([1]);
});

test("a length outside the padded width is refused", () => {
  expect(() => ctcLabels(new Int32Array(2), Int32Array.of(3), Int32Array.of(9), 1, 2, BLANK)).toThrow(
    "row 0 has 3 labels, the batch holds 0 to 2",
  );
});
