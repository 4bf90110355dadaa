import { describe, expect, test } from "vitest";
import { Graph } from "../graph/graph.ts";
import { initialWeights, type ParameterSpec, Parameters } from "./parameters.ts";

const specs: ParameterSpec[] = [
  { name: "large", shape: [100, 50], initial: { normal: 0.2 } },
  { name: "scale", shape: [3], initial: { constant: 1 } },
];

describe("parameters of a graph", () => {
  test("are declared at their first use and shared after it", () => {
    const graph = new Graph();
    const parameters = new Parameters(graph);
    const table = parameters.get("table", [4, 2], { constant: 0 });
    expect(parameters.get("table", [4, 2], { constant: 0 })).toBe(table);
    expect(parameters.specs).toHaveLength(1);
    expect(graph.inputs).toEqual([table]);
    expect(table).toMatchObject({ name: "table", shape: [4, 2], differentiable: true });
  });

  test("become constants when there are weights", () => {
    const graph = new Graph();
    const parameters = new Parameters(graph, new Map([["table", Float32Array.of(1, 2)]]));
    expect(parameters.get("table", [2], { constant: 0 }).differentiable).toBe(false);
    expect(graph.inputs).toEqual([]);
    expect(graph.constants[0]!.data).toEqual(Float32Array.of(1, 2));
    expect(() => parameters.get("missing", [1], { constant: 0 })).toThrow("the weights hold no parameter missing");
    const wrong = new Parameters(graph, new Map([["table", new Float32Array(3)]]));
    expect(() => wrong.get("table", [2], { constant: 0 })).toThrow("constant of shape [2] needs 2 values, got 3");
  });
});

describe("starting values", () => {
  test("have the deviation or the value asked for", () => {
    const { weights, copied } = initialWeights(specs, 1);
    const large = [...weights.get("large")!];
    const mean = large.reduce((sum, value) => sum + value, 0) / large.length;
    const deviation = Math.sqrt(large.reduce((sum, value) => sum + (value - mean) ** 2, 0) / large.length);
    expect(Math.abs(mean)).toBeLessThan(0.01);
    expect(Math.abs(deviation - 0.2)).toBeLessThan(0.01);
    expect([...weights.get("scale")!]).toEqual([1, 1, 1]);
    expect(copied).toEqual([]);
  });

  test("come from the seed and the parameter's own name, whatever stands beside it", () => {
    const alone = initialWeights(specs.slice(0, 1), 1).weights.get("large");
    const beside = initialWeights([{ name: "new", shape: [7], initial: { normal: 1 } }, ...specs], 1).weights.get(
      "large",
    );
    expect(beside).toEqual(alone);
    expect(initialWeights(specs, 2).weights.get("large")).not.toEqual(alone);
  });

  test("are copied from other weights where they fit: a warm start", () => {
    const from = new Map([
      ["scale", Float32Array.of(4, 5, 6)],
      ["large", new Float32Array(5000)],
      ["other", new Float32Array(1)],
    ]);
    const shapes = new Map([
      ["scale", [3]],
      ["large", [50, 100]], // as many values, another way round
      ["other", [1]],
    ]);
    const { weights, copied } = initialWeights(specs, 1, { tensors: from, shapes });
    expect(copied).toEqual(["scale"]);
    expect([...weights.keys()]).toEqual(["large", "scale"]);
    from.get("scale")!.fill(0);
    expect([...weights.get("scale")!], "a copy").toEqual([4, 5, 6]);
    expect(weights.get("large")).toEqual(initialWeights(specs, 1).weights.get("large"));
  });
});
