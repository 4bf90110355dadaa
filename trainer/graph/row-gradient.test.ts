// A gradient that is kept in parts must reach every parameter as the same gradient in one value does.
import { expect, test } from "vitest";
import { backward } from "./backward.ts";
import { largestDifference, openGraph, type Sample, variable } from "./evaluate-graph.testing.ts";
import { Graph, type RowGradient, type Value } from "./graph.ts";
import * as op from "./ops.ts";

const [B, T, L, D, V] = [2, 3, 4, 5, 7];

/** A projection whose output has this gradient, whatever the loss: through parts, or through an Identity as one value. */
function gradients(inParts: boolean, offset: number, bias: boolean, T: number, L: number) {
  const graph = new Graph();
  const x = variable(graph, "x", ["N", D]);
  const weight = variable(graph, "weight", [V, D]);
  const parameters = bias ? [x, weight, variable(graph, "bias", [V])] : [x, weight];
  const embedded = op.gather(weight, graph.input("rows", "int64", ["M"])); // tied: scattered rows meet the product's gradient
  const product = op.linear(x, weight, parameters[2], true);
  const logits = inParts ? product : op.identity(product);
  const gradient = (): RowGradient => ({
    kind: "rows",
    base: graph.input("base", "float32", ["N", V]),
    scale: graph.input("scale", "float32", ["N", 1]),
    offset,
    ids: graph.input("ids", "int64", ["B", L]),
    values: graph.input("values", "float32", ["B", T, L]),
  });
  const [loss] = graph.node(
    "Identity",
    [op.sumAll(logits)],
    [{ type: "float32", shape: [] }],
    {},
    { customGradient: { inputs: [logits], rule: () => [gradient()] } },
  );
  const found = backward(op.add(loss!, op.sumAll(embedded)), parameters);
  const outputs = Object.fromEntries(parameters.map((value) => [`d_${value.name}`, found.get(value)!]));
  return { graph, outputs: outputs as Record<string, Value> };
}

const wave = (count: number, step: number) => Float32Array.from({ length: count }, (_, at) => Math.sin(at * step + 1));

test.each([
  { name: "several columns a row, shared by rows", offset: 0, bias: true, T, L },
  { name: "an offset", offset: -0.3, bias: true, T, L },
  { name: "one column a row, as in cross entropy", offset: -0.01, bias: true, T: 1, L: 1 },
  { name: "no bias", offset: 0.2, bias: false, T, L },
])("$name", async ({ offset, bias, T, L }) => {
  const N = B * T;
  const samples: Record<string, Sample> = {
    x: { data: wave(N * D, 0.7), dims: [N, D] },
    weight: { data: wave(V * D, 1.3), dims: [V, D] },
    ...(bias ? { bias: { data: wave(V, 0.2), dims: [V] } } : {}),
    rows: { data: [3, 0, 3], dims: [3] },
    base: { data: wave(N * V, 2.1), dims: [N, V] },
    scale: { data: wave(N, 0.9), dims: [N, 1] },
    ids: { data: Float32Array.from({ length: B * L }, (_, at) => (at * 3) % V), dims: [B, L] }, // some twice
    values: { data: wave(N * L, 1.7), dims: [B, T, L] },
  };
  const results = [];
  for (const inParts of [true, false]) {
    const { graph, outputs } = gradients(inParts, offset, bias, T, L);
    const scatters = graph.nodes.filter((node) => node.op === "ScatterElements").length;
    expect(scatters, "only as one value the columns are scattered over the logits").toBe(inParts ? 0 : 1);
    const open = await openGraph(graph, outputs);
    results.push(await open.run(samples));
    await open.release();
  }
  const [parts, whole] = results;
  expect(Object.keys(parts!)).toHaveLength(bias ? 3 : 2);
  for (const [name, { data }] of Object.entries(parts!)) {
    expect(largestDifference(data, whole![name]!.data), name).toBeLessThan(1e-5);
    expect(Math.max(...Array.from(data, Math.abs)), name).toBeGreaterThan(0.1);
  }
});
