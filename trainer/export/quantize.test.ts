import { describe, expect, test } from "vitest";
import { evaluateGraph, largestDifference } from "../graph/evaluate-graph.testing.ts";
import { Graph } from "../graph/graph.ts";
import { quantizeWeight, rowwiseInt8Product } from "./quantize.ts";

describe("quantizeWeight", () => {
  // [in 3, out 2]: the largest of a column becomes ±127
  const weight = Float32Array.of(1, -4, 0.5, 2, -0.25, 0);
  const expected = {
    data: Int8Array.of(127, -127, 64, 64, -32, 0), // 0.5 · 127 = 63.5, 2 / 4 · 127 = 63.5, −0.25 · 127 = −31.75
    scales: Float32Array.of(1 / 127, 4 / 127),
  };

  test("scales each output by its largest weight", () => {
    expect(quantizeWeight(weight, 3, 2, false)).toEqual(expected);
  });

  test("turns a matrix that is stored the other way round", () => {
    expect(quantizeWeight(Float32Array.of(1, 0.5, -0.25, -4, 2, 0), 3, 2, true)).toEqual(expected);
  });

  test("leaves an output without weights at nothing", () => {
    expect(quantizeWeight(Float32Array.of(0, 3, 0, 6), 2, 2, false)).toEqual({
      data: Int8Array.of(0, 64, 0, 127),
      scales: Float32Array.of(1, 6 / 127),
    });
  });
});

describe("rowwiseInt8Product", () => {
  const weight = Float32Array.of(1, -4, 0.5, 2, -0.25, 0); // [3, 2]
  const bias = Float32Array.of(10, -10);

  async function product(rows: readonly (readonly number[])[]): Promise<number[]> {
    const graph = new Graph();
    const x = graph.input("x", "float32", ["N", 3]);
    const y = rowwiseInt8Product()(x, graph.constant(weight, [3, 2]), graph.constant(bias, [2]), false);
    const found = await evaluateGraph(graph, { y }, { x: { data: rows.flat(), dims: [rows.length, 3] } });
    return Array.from(found.y!.data);
  }

  test("is x · weight + bias to about a hundredth of the terms", async () => {
    const found = await product([
      [1, 2, 3],
      [-0.01, 0, 0.02],
    ]);
    // 1 + 1 − 0.75 + 10, −4 + 4 − 10, and −0.01 − 0.005 + 10, 0.04 − 10
    expect(largestDifference(found, [11.25, -10, 9.985, -9.96])).toBeLessThan(0.1);
    expect(Math.abs(found[3]! + 9.96), "a small row has a scale of its own").toBeLessThan(1e-3);
  });

  test("of a row does not change with the rows beside it, and nothing gives the bias", async () => {
    const row = [0.3, -0.7, 0.111];
    const alone = await product([row]);
    expect((await product([[1e6, -1e6, 3], row, [0, 0, 0]])).slice(2)).toEqual([...alone, 10, -10]);
  });

  test("needs the weight's values", () => {
    const graph = new Graph();
    const x = graph.input("x", "float32", ["N", 3]);
    const unknown = graph.input("w", "float32", [3, 2]);
    expect(() => rowwiseInt8Product()(x, unknown, graph.constant(bias, [2]), false)).toThrow(
      "int8 export needs the values of w",
    );
  });
});
