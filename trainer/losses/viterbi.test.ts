import { expect, test } from "vitest";
import { Random } from "../random.ts";
import { bruteForceCtc, collapse, logSoftmaxRows } from "./brute-force-ctc.testing.ts";
import { ctcLabels } from "./ctc-labels.ts";
import { viterbiAlignments } from "./viterbi.ts";

const V = 4;
const BLANK = 1;

/** Alignments of rows from their slots' log-probabilities, `[T][V]` a row. */
function align(labels: readonly (readonly number[])[], rows: readonly (readonly (readonly number[])[])[]): number[][] {
  const B = labels.length;
  const T = Math.max(...rows.map((row) => row.length));
  const U = Math.max(...labels.map((row) => row.length));
  const target = new Int32Array(B * U);
  labels.forEach((row, place) => {
    target.set(row, place * U);
  });
  const slots = Int32Array.from(rows, (row) => row.length);
  const made = ctcLabels(
    target,
    Int32Array.from(labels, (row) => row.length),
    slots,
    B,
    U,
    BLANK,
  );
  const L = made.stateCount;
  const emissions = new Float32Array(T * B * L).fill(Number.NaN); // slots behind a row's end must not be looked at
  rows.forEach((row, place) => {
    row.forEach((slot, t) => {
      for (let state = 0; state < L; state += 1) {
        emissions[(t * B + place) * L + state] = slot[Number(made.states[place * L + state])]!;
      }
    });
  });
  const ids = Array.from(viterbiAlignments(emissions, T, B, L, made, slots));
  return Array.from({ length: B }, (_, row) => ids.slice(row * T, (row + 1) * T));
}

const randomRow = (random: Random, T: number, scale: number): number[][] =>
  logSoftmaxRows(
    Float32Array.from({ length: T * V }, () => random.normal() * scale),
    V,
  );

test("the best path is the best of every path that spells the labels", () => {
  const random = new Random("viterbi");
  for (let round = 0; round < 150; round += 1) {
    const T = 1 + random.below(6);
    const labels = Array.from({ length: random.below(4) }, () => [0, 2, 3][random.below(3)]!);
    const row = randomRow(random, T, 2);
    const { bestPath } = bruteForceCtc(row, labels, BLANK);
    expect(align([labels], [row])[0], `${labels} in ${T} slots`).toEqual(bestPath ?? Array.from(row, () => BLANK));
  }
});

test("rows of a batch do not touch each other, and slots behind a row's end are blank", () => {
  const random = new Random("viterbi batch");
  const labels = [[2, 2], [3], [], [0, 2, 3], [2, 2, 2]];
  const rows = [5, 2, 3, 6, 4].map((slots) => randomRow(random, slots, 2));
  const together = align(labels, rows);
  labels.forEach((row, place) => {
    const alone = align([row], [rows[place]!])[0]!;
    expect(together[place]).toEqual([...alone, ...Array.from({ length: 6 - alone.length }, () => BLANK)]);
    if (place < 4) expect(collapse(together[place]!, BLANK)).toEqual(row);
  });
  expect(together[4], "three equal labels do not go into four slots").toEqual([1, 1, 1, 1, 1, 1]);
});

test("impossible emissions are no path", () => {
  const never = [0, 0, -1e30, 0];
  expect(align([[2]], [[never, never]])).toEqual([[BLANK, BLANK]]);
});
