import { expect, test } from "vitest";
import { backward } from "./backward.ts";
import { evaluateGraph, openGraph, variable } from "./evaluate-graph.testing.ts";
import { Graph, type Value } from "./graph.ts";
import * as op from "./ops.ts";

/** The graph as text: one line a node, in the order in which they run. */
function describeGraph(graph: Graph): string {
  const constants = new Map(graph.constants.map(({ value, data }) => [value.name, `[${data}]`]));
  const nameOf = (value?: Value) => (value ? (constants.get(value.name) ?? value.name) : "");
  const lines = graph.nodes.map(({ op: operator, inputs, outputs, attributes }) => {
    const options = Object.entries(attributes).map(([name, value]) => ` ${name}=${JSON.stringify(value)}`);
    const results = outputs.map(({ name, type, shape }) => `${name} ${type}[${shape}]`);
    return `${results.join(", ")} = ${operator}(${inputs.map(nameOf).join(", ")})${options.join("")}`;
  });
  return lines.join("\n");
}

test("the nodes of one layer, its loss and its gradients", () => {
  const graph = new Graph();
  const x = graph.input("x", "float32", ["N", 2]);
  const weight = variable(graph, "weight", [2, 3]);
  const bias = variable(graph, "bias", [3]);
  const loss = op.sumAll(op.relu(op.linear(x, weight, bias)));
  backward(loss, [weight, bias]);
  expect(describeGraph(graph)).toMatchInlineSnapshot(`
    "Gemm_1 float32[N,3] = Gemm(x, weight, bias) alpha={"float":1} beta={"float":1} transA=0 transB=0
    Relu_2 float32[N,3] = Relu(Gemm_1)
    ReduceSum_4 float32[] = ReduceSum(Relu_2, [0,1]) keepdims=0
    Shape_6 int64[2] = Shape(Relu_2) start=0
    Expand_7 float32[N,3] = Expand([1], Shape_6)
    HardSigmoid_8 float32[N,3] = HardSigmoid(Relu_2) alpha={"float":1e+38} beta={"float":0}
    Mul_9 float32[N,3] = Mul(Expand_7, HardSigmoid_8)
    FusedMatMul_10 float32[2,3] = FusedMatMul(x, Mul_9) transA=1 transB=0 alpha={"float":1}
    ReduceSum_12 float32[3] = ReduceSum(Mul_9, [0]) keepdims=0"
  `);
});

test("every type, several names for one value, a constant and an input as outputs", async () => {
  const graph = new Graph();
  const x = graph.input("x", "float32", ["N"]);
  const unused = graph.constant(new Float32Array(5), [5]);
  const outputs = {
    twice: op.mul(x, 2),
    again: x,
    constant: graph.floats([3, 4]),
    bytes: graph.constant(Uint8Array.of(1, 255), [2]),
    signed: graph.constant(Int8Array.of(-1, 127), [2]),
    small: graph.constant(Int32Array.of(-5), [1]),
    large: graph.constant(BigInt64Array.of(-(2n ** 40n)), []),
    flags: op.less(x, 2),
  };
  expect(unused.name).toBe("constant_1");
  const results = await evaluateGraph(graph, { ...outputs, same: outputs.twice }, { x: { data: [1, 2.5], dims: [2] } });
  const values = Object.fromEntries(Object.entries(results).map(([name, sample]) => [name, sample.data]));
  expect(values).toEqual({
    twice: [2, 5],
    same: [2, 5],
    again: [1, 2.5],
    constant: [3, 4],
    bytes: [1, 255],
    signed: [-1, 127],
    small: [-5],
    large: [-(2 ** 40)],
    flags: [1, 0],
  });
});

test("a Scan whose body sees values around it, in both directions", async () => {
  const graph = new Graph();
  const xs = graph.input("xs", "float32", ["T", "B"]);
  const factor = op.mul(graph.floats(1), 10);
  const run = (name: string, reverse: boolean): Value => {
    const body = new Graph(`${name}_`);
    const state = body.input(`${name}_state`, "float32", ["B"]);
    const x = body.input(`${name}_x`, "float32", ["B"]);
    const next = op.add(op.mul(state, { ...factor, graph: body }), x);
    const start = op.filled(op.shapeOf(xs, 1, 2), ["B"]);
    const specs = [
      { type: "float32" as const, shape: ["B"] },
      { type: "float32" as const, shape: ["T", "B"] },
    ];
    return op.scan({ graph: body, outputs: [next, op.identity(next)] }, [start], [xs], specs, reverse)[1]!;
  };
  const samples = { xs: { data: [1, 2, 3], dims: [3, 1] } };
  const results = await evaluateGraph(graph, { ahead: run("ahead", false), back: run("back", true) }, samples);
  expect(results.ahead!.data).toEqual([1, 12, 123]);
  expect(results.back!.data).toEqual([321, 32, 3]);
});

test("a model that does not hold together is refused by the runtime", async () => {
  const graph = new Graph();
  const x = graph.input("x", "float32", ["N"]);
  const [y] = graph.node("NoSuchOperator", [x], [{ type: "float32", shape: ["N"] }]);
  await expect(openGraph(graph, { y: y! })).rejects.toThrow("NoSuchOperator");
});
