// A node with one output, in the graph of its inputs.
import { type ElementType, GraphError, type GraphNode, type Shape, type Value } from "./graph.ts";

/** @throws GraphError when there is no input, or one of another graph. */
export function single(
  op: string,
  inputs: readonly (Value | undefined)[],
  shape: Shape,
  type: ElementType,
  attributes: GraphNode["attributes"] = {},
  domain: GraphNode["domain"] = "",
): Value {
  const graph = inputs.find((input) => input !== undefined)?.graph;
  if (!graph) throw new GraphError(`${op} has no input`);
  return graph.node(op, inputs, [{ type, shape }], attributes, { domain })[0]!;
}
