import { expect, test } from "vitest";
import { backward } from "../graph/backward.ts";
import { evaluateGraph, type Sample, variable } from "../graph/evaluate-graph.testing.ts";
import { Graph } from "../graph/graph.ts";
import * as op from "../graph/ops.ts";
import { DROPOUT_OFFSETS, DROPOUT_POOL, dropoutOffsets, dropoutPool, PooledDropout } from "./dropout.ts";

const RATE = 0.25;
const SPAN = 500;
const ROWS = 6;
const WIDTH = 8;

/** Two drops of one tensor of ones: both results, and the gradient of the sum of the first. */
async function dropTwice(offsets: BigInt64Array): Promise<Record<string, number[]>> {
  const graph = new Graph();
  const dropout = new PooledDropout(graph);
  const x = variable(graph, "x", ["N", WIDTH]);
  const [first, second] = [dropout.apply(x), dropout.apply(x)];
  expect(dropout.sites).toBe(2);
  const gradient = backward(op.sumAll(first), [x]).get(x)!;
  const size = ROWS * WIDTH;
  const samples: Record<string, Sample> = {
    x: { data: new Float32Array(size).fill(1), dims: [ROWS, WIDTH] },
    [DROPOUT_POOL]: { data: dropoutPool(RATE, SPAN + size, 1), dims: [SPAN + size] },
    [DROPOUT_OFFSETS]: { data: Array.from(offsets, Number), dims: [2] },
  };
  const found = await evaluateGraph(graph, { first, second, gradient }, samples);
  return Object.fromEntries(Object.entries(found).map(([name, { data }]) => [name, Array.from(data)]));
}

test("what is kept is scaled up, and the gradient is dropped where the value was", async () => {
  const { first, second, gradient } = await dropTwice(dropoutOffsets(2, SPAN, 1, 1));
  const kept = Math.fround(1 / (1 - RATE));
  expect(new Set(first)).toEqual(new Set([0, kept]));
  expect(gradient).toEqual(first);
  expect(second, "each site has a mask of its own").not.toEqual(first);
});

test("masks are a function of seed and step", async () => {
  const masks = await dropTwice(dropoutOffsets(2, SPAN, 1, 7));
  expect(await dropTwice(dropoutOffsets(2, SPAN, 1, 7))).toEqual(masks);
  expect(await dropTwice(dropoutOffsets(2, SPAN, 1, 8))).not.toEqual(masks);
  expect(await dropTwice(dropoutOffsets(2, SPAN, 2, 7))).not.toEqual(masks);
});

test("the pool keeps the mean, and drops the rate it was asked for", () => {
  for (const rate of [0.1, 0.3]) {
    const pool = dropoutPool(rate, 200_000, 1);
    const mean = pool.reduce((sum, value) => sum + value, 0) / pool.length;
    const dropped = pool.filter((value) => value === 0).length / pool.length;
    expect(mean).toBeCloseTo(1, 1.9);
    expect(Math.abs(dropped - rate)).toBeLessThan(0.005);
  }
});

test("a pool that is grown begins as the smaller one did, so that masks stay the same", () => {
  expect(dropoutPool(RATE, 900, 5).subarray(0, 300)).toEqual(dropoutPool(RATE, 300, 5));
});

test("offsets lie in the span", () => {
  const offsets = Array.from({ length: 50 }, (_, step) => [...dropoutOffsets(20, 64, 3, step)]).flat();
  expect(offsets.every((offset) => offset >= 0n && offset < 64n)).toBe(true);
  expect(new Set(offsets).size).toBe(64);
});
