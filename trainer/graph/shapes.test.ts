import { describe, expect, test } from "vitest";
import { evaluateGraph } from "./evaluate-graph.testing.ts";
import { Graph, GraphError, type Shape, type Value } from "./graph.ts";
import * as op from "./ops.ts";
import { broadcastAxes, broadcastShapes, matMulShape, reduceShape, sliceLength } from "./shapes.ts";

test("shapes broadcast as numpy's do, symbols only with themselves and 1", () => {
  expect(broadcastShapes(["B", 1, 4], ["S", 1])).toEqual(["B", "S", 4]);
  expect(broadcastShapes([], ["B"])).toEqual(["B"]);
  expect(() => broadcastShapes(["B", 2], ["S", 2])).toThrow(
    new GraphError("shapes [B,2] and [S,2] do not broadcast: B against S"),
  );
  expect(() => broadcastShapes([3], [2])).toThrow("3 against 2");
});

test("a gradient is summed over the axes that broadcasting added or stretched", () => {
  expect(broadcastAxes(["B", "S", 4], [1, 4])).toEqual({ leading: [0], stretched: [1] });
  expect(broadcastAxes([1, 4], [1, 4])).toEqual({ leading: [], stretched: [] });
});

test("products and sums of shapes", () => {
  expect(matMulShape(["B", 2, 3, 4], [5, 4], false, true)).toEqual(["B", 2, 3, 5]);
  expect(matMulShape([4, 3], [4, 5], true, false)).toEqual([3, 5]);
  expect(reduceShape(["B", 3, 4], [-1, 0], false)).toEqual([3]);
  expect(reduceShape(["B", 3, 4], [-1, 0], true)).toEqual([1, 3, 1]);
});

test("the length of a slice is known when its bounds and the dimension tell it", () => {
  expect([sliceLength(5, 1, 3), sliceLength(5, -2, 99), sliceLength(5, 0, -1), sliceLength(5, 4, 2)]).toEqual([
    2, 2, 4, 0,
  ]);
  expect([sliceLength("S", 0, 2), sliceLength("S", 0, -1), sliceLength("S", -2, 9)]).toEqual([2, undefined, undefined]);
  expect(sliceLength(5, 0, {})).toBeUndefined();
});

describe("a wrong shape is refused where the node is made", () => {
  const graph = new Graph();
  const float = (...shape: Shape): Value => graph.input(`x${graph.inputs.length}`, "float32", shape);
  const int = (...shape: Shape): Value => graph.input(`i${graph.inputs.length}`, "int64", shape);
  const cases: Record<string, [() => unknown, string]> = {
    "inner dimensions": [
      () => op.matMul(float(2, 3), float(4, 2)),
      "matMul of [2,3] and [4,2]: inner dimensions 3 and 4 differ",
    ],
    "leading dimensions": [() => op.matMul(float("B", 2, 3), float("S", 3, 2)), "B against S"],
    "a vector in a product": [() => op.matMul(float(3), float(3, 2)), "matMul needs matrices, got [3] and [3,2]"],
    "linear of more than rows": [
      () => op.linear(float("B", "S", 3), float(3, 2)),
      "linear takes rows [N, in], got [B,S,3]",
    ],
    "a bias that does not fit": [
      () => op.linear(float("N", 3), float(3, 2), float(3)),
      "shape [3] does not broadcast to [N,2]",
    ],
    "a scale that does not fit": [
      () => op.layerNorm(float("N", 4), float(4), float(3)),
      "shape [3] does not broadcast to [4]",
    ],
    addition: [() => op.add(float(2), float(3)), "shapes [2] and [3] do not broadcast: 2 against 3"],
    types: [() => op.add(float(2), int(2)), "Add of float32 and int64"],
    "types of a choice": [() => op.where(int(2), float(2), float(2)), "Where of int64, float32, float32"],
    "reshape to another size": [() => op.reshape(float(2, 3), [4]), "reshape of [2,3] to [4]: 6 elements to 4"],
    "reshape to two symbols": [
      () => op.reshape(float(6), ["A", "B"]),
      "reshape to [A,B] has 2 symbols: give the target",
    ],
    transpose: [() => op.transpose(float(2, 3), [0, 0]), "[0,0] does not permute the axes of [2,3]"],
    concat: [() => op.concat([float("B", 2), float("S", 2)], 1), "concat of [B,2] and [S,2] along axis 1"],
    "concat of nothing": [() => op.concat([], 0), "concat has no input"],
    "slice of a symbol": [
      () => op.slice(float("S"), 0, 1, -1),
      "slice of [S] along axis 0 needs the resulting dimension",
    ],
    expand: [() => op.expand(float(2), [3], int(1)), "shape [2] does not broadcast to [3]"],
    "an axis outside": [() => op.reduceSum(float(2), [1]), "axis 1 is outside a tensor of rank 1"],
    parts: [() => op.splitLast(float(2, 3), 2), "[2,3] does not split in 2"],
    constants: [() => graph.constant(new Float32Array(2), [3]), "constant of shape [3] needs 3 values, got 2"],
    "two inputs of one name": [
      () => [graph.input("a", "int64", []), graph.input("a", "int64", [])],
      "input a is declared twice",
    ],
    "values of another graph": [
      () => op.add(float(2), new Graph().input("stranger", "float32", [2])),
      "Add was given stranger, which belongs to another graph",
    ],
  };
  test.each(Object.entries(cases))("%s", (_, [make, message]) => {
    expect(make).toThrow(GraphError);
    expect(make).toThrow(message);
  });
});

test("a sum over no axes is the value itself, where ONNX would sum over all", () => {
  const x = new Graph().input("x", "float32", [2]);
  expect(op.reduceSum(x, [])).toBe(x);
});

test("layer normalisation: mean 0 and variance 1 before scale and bias", async () => {
  const graph = new Graph();
  const x = graph.input("x", "float32", ["N", 4]);
  const y = op.layerNorm(x, graph.floats([1, 1, 1, 2]), graph.floats([0, 0, 0, 10]));
  const { y: found } = await evaluateGraph(graph, { y }, { x: { data: [1, 2, 3, 4, 5, 5, 5, 5], dims: [2, 4] } });
  const unit = 1 / Math.sqrt(1.25 + 1e-5); // variance of 1 … 4, not of a sample
  const expected = [-1.5 * unit, -0.5 * unit, 0.5 * unit, 3 * unit + 10, 0, 0, 0, 10];
  expected.forEach((value, index) => {
    expect(found!.data[index]).toBeCloseTo(value, 5);
  });
});
