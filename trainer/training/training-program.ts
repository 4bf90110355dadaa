// A training graph before gradients and optimizer, as the file that another runtime differentiates: losses by hand included.
import type { Value } from "../graph/graph.ts";
import { serializeModel } from "../graph/onnx.ts";
import { sumOf } from "../graph/row-gradient.ts";
import type { TrainingGraph } from "./training-step.ts";

/** Begins the names of the outputs that are metrics. */
const METRIC = "metric:";
const OWN_DOMAIN = { domain: "souffleur" } as const;

/**
 * ONNX of the forward pass: parameters are inputs, outputs are `loss` and `metric:<name>`. Where a gradient is written by
 * hand, its nodes are there too, with a node `CustomGradient` (domain `souffleur`, no outputs) that says which they are:
 * inputs are the value, what it is differentiated by (`count` of them), dy, and the gradients in the same order.
 */
export function trainingProgram(model: TrainingGraph): Uint8Array {
  const { graph, loss, metrics } = model;
  for (const node of [...graph.nodes]) {
    const { customGradient } = node;
    if (!customGradient) continue;
    const [value] = node.outputs;
    const dy = graph.input(`${value!.name}:dy`, "float32", value!.shape);
    const gradients = customGradient.rule(dy).map((gradient) => gradient && sumOf([gradient]));
    const { inputs } = customGradient;
    graph.node("CustomGradient", [value, ...inputs, dy, ...gradients], [], { count: inputs.length }, OWN_DOMAIN);
  }
  const outputs: Record<string, Value> = { loss };
  for (const [name, metric] of Object.entries(metrics)) outputs[METRIC + name] = metric;
  return serializeModel(graph, outputs);
}
