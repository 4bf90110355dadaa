import { describe, expect, test } from "vitest";
import { Random } from "../random.ts";
import { backward } from "./backward.ts";
import {
  centralDifferences,
  evaluateGraph,
  largestDifference,
  openGraph,
  type Sample,
} from "./evaluate-graph.testing.ts";
import { type CaseInput, type GradientCase, gradientCases } from "./gradient-cases.testing.ts";
import { gradients } from "./gradients.ts";
import { Graph, type Shape, type Value } from "./graph.ts";
import * as op from "./ops.ts";

function draw({ shape, dims, values = "normal" }: CaseInput, random: Random): Sample {
  const sizes = dims ?? shape.map(Number);
  if (typeof values !== "string") return { data: values, dims: sizes };
  const count = sizes.reduce((product, size) => product * size, 1);
  const normal = () => {
    const value = random.normal();
    return value + 0.1 * Math.sign(value);
  };
  const next = values === "positive" ? () => 0.5 + 1.5 * random.uniform() : normal;
  return { data: Float32Array.from({ length: count }, next), dims: sizes };
}

function build({ inputs, build }: GradientCase): { graph: Graph; values: Record<string, Value>; result: Value } {
  const graph = new Graph();
  const values: Record<string, Value> = {};
  for (const [name, { shape, type = "float32" }] of Object.entries(inputs)) {
    values[name] = graph.input(name, type, shape, type === "float32");
  }
  return { graph, values, result: build(values, graph) };
}

/** Declared shapes must be the real ones, each symbol of an input standing for one number. */
function expectShape(declared: Shape, actual: readonly number[], { inputs }: GradientCase): void {
  const symbols = new Map(
    Object.values(inputs).flatMap(({ shape, dims }) => shape.map((dim, axis) => [dim, dims?.[axis] ?? dim])),
  );
  const wanted = declared.map((dim, axis) => symbols.get(dim) ?? (typeof dim === "number" ? dim : actual[axis]));
  expect(actual, `[${declared}]`).toEqual(wanted);
}

/** Compares every gradient of Σ weights · result, the weights drawn so that each element has a gradient of its own. */
async function check(name: string, each: GradientCase): Promise<void> {
  const random = new Random("gradients", name);
  const samples = Object.fromEntries(Object.entries(each.inputs).map(([key, input]) => [key, draw(input, random)]));
  const forward = build(each);
  const { dims } = (await evaluateGraph(forward.graph, { result: forward.result }, samples)).result!;
  expectShape(forward.result.shape, dims, each);

  const { graph, values, result } = build(each);
  const weights = graph.input("weights", "float32", result.shape);
  samples.weights = draw({ shape: result.shape, dims }, random);
  const loss = op.sumAll(op.mul(result, weights));
  const variables = Object.entries(values).filter(([, value]) => value.differentiable);
  const found = backward(
    loss,
    variables.map(([, value]) => value),
  );
  const outputs = Object.fromEntries(variables.map(([key, value]) => [`d_${key}`, found.get(value)!]));
  const open = await openGraph(graph, { loss, ...outputs });
  const results = await open.run(samples);
  for (const [key, value] of variables) {
    const gradient = results[`d_${key}`]!;
    expect(found.get(value)!.shape, `shape of d ${key}`).toEqual(value.shape);
    expect(gradient.dims, `sizes of d ${key}`).toEqual(samples[key]!.dims);
    const numeric = await centralDifferences(open, samples, key, "loss");
    const scale = Math.max(1, ...numeric.map(Math.abs));
    expect(largestDifference(gradient.data, numeric) / scale, `d ${key}`).toBeLessThan(5e-4);
  }
  await open.release();
}

describe.each(Object.entries(gradientCases))("%s", (operator, cases) => {
  test.each(Object.entries(cases))("%s", async (name, each) => {
    expect(build(each).graph.nodes.map((node) => node.op)).toContain(operator);
    await check(`${operator} ${name}`, each);
  });
});

test("every rule has a case and every case a rule", () => {
  expect(Object.keys(gradientCases).sort()).toEqual(Object.keys(gradients).sort());
  for (const cases of Object.values(gradientCases)) expect(Object.keys(cases).length).toBeGreaterThan(0);
});

test("rules that cannot be right say so", () => {
  const graph = new Graph();
  const table = graph.input("table", "float32", [3, "D"], true);
  const rows = graph.input("rows", "int64", ["N"]);
  const loss = (value: Value) => () => backward(op.sumAll(value), [table]);
  expect(loss(op.gather(table, rows))).toThrow("the gradient of Gather needs fixed rows, got [3,D]");
  expect(loss(op.gather(table, rows, 1))).toThrow("the gradient of Gather is written for axis 0");
  const axes = graph.input("axes", "int64", [1]);
  const sum = graph.node("ReduceSum", [table, axes], [{ type: "float32", shape: [] }], { keepdims: 0 })[0]!;
  expect(loss(sum)).toThrow("the gradient of ReduceSum needs constant axes");
});
