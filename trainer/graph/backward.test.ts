import { describe, expect, test } from "vitest";
import { backward } from "./backward.ts";
import { evaluateGraph, variable } from "./evaluate-graph.testing.ts";
import { Graph, GraphError } from "./graph.ts";
import * as op from "./ops.ts";

test("contributions of a value that is used several times add up", async () => {
  const graph = new Graph();
  const x = variable(graph, "x", [2]);
  const square = op.mul(x, x);
  const loss = op.sumAll(op.add(op.mul(square, x), square)); // x³ + x²
  const gradient = backward(loss, [x]).get(x)!;
  const results = await evaluateGraph(graph, { gradient }, { x: { data: [2, -1], dims: [2] } });
  expect(results.gradient!.data).toEqual([16, 1]); // 3x² + 2x
});

test("the order of uses does not matter: a value's gradient is whole before it is passed on", async () => {
  const graph = new Graph();
  const x = variable(graph, "x", []);
  const early = op.exp(x);
  const late = op.mul(op.neg(early), 3);
  const loss = op.add(op.mul(late, early), early); // −3e²ˣ + eˣ
  const gradient = backward(loss, [x]).get(x)!;
  const results = await evaluateGraph(graph, { gradient }, { x: { data: [0], dims: [] } });
  expect(results.gradient!.data).toEqual([-5]);
});

test("a gradient by hand replaces the table's, and is multiplied by what comes from above", async () => {
  const graph = new Graph();
  const x = variable(graph, "x", [2]);
  const hidden = op.round(x); // has no rule of its own
  const rule = (dy: typeof x) => [op.mul(dy, 7)];
  const [y] = graph.node(
    "Identity",
    [hidden],
    [{ type: "float32", shape: [2] }],
    {},
    { customGradient: { inputs: [x], rule } },
  );
  const gradient = backward(op.mul(op.sumAll(y!), 2), [x]).get(x)!;
  const results = await evaluateGraph(graph, { gradient }, { x: { data: [1, 5], dims: [2] } });
  expect(results.gradient!.data).toEqual([14, 14]);
});

test("values that lead to no parameter get no nodes", () => {
  const graph = new Graph();
  const x = variable(graph, "x", [2, 2]);
  const constant = graph.input("constant", "float32", [2, 2]);
  const loss = op.sumAll(op.matMul(x, op.exp(op.matMul(constant, constant))));
  const before = graph.nodes.length;
  backward(loss, [x]);
  const products = graph.nodes.slice(before).filter((node) => node.op === "FusedMatMul");
  expect(products).toHaveLength(1);
});

describe("what cannot be differentiated is refused", () => {
  test("a loss that is no scalar", () => {
    const x = variable(new Graph(), "x", ["N"]);
    expect(() => backward(x, [x])).toThrow(new GraphError("the loss must be a scalar, got [N]"));
  });

  test("a parameter that the loss does not depend on", () => {
    const graph = new Graph();
    const [x, unused] = [variable(graph, "x", []), variable(graph, "unused", [])];
    expect(() => backward(op.exp(x), [x, unused])).toThrow("parameter unused does not reach the loss");
  });

  test("an operator without a rule on the way", () => {
    const x = variable(new Graph(), "x", [3]);
    expect(() => backward(op.sumAll(op.abs(x)), [x])).toThrow("operator Abs has no gradient rule");
  });

  test("an output beside the first: its gradient would be lost without a word", () => {
    const x = variable(new Graph(), "x", [2, 4]);
    const [, second] = op.splitLast(x, 2);
    expect(() => backward(op.sumAll(second!), [x])).toThrow("Split has a gradient for its first output only");
  });
});
