// Reverse-mode differentiation: one walk from the loss to the parameters.

import { type GradientRule, gradients } from "./gradients.ts";
import { type Gradient, GraphError, type GraphNode, type Value } from "./graph.ts";
import type { DifferentiableOp } from "./ops.ts";
import { reduceSum } from "./ops.ts";
import { isProjection, isRowGradient, projectionGradients, sumOf } from "./row-gradient.ts";
import { broadcastAxes } from "./shapes.ts";

/**
 * Extends the graph with the gradients of a scalar loss.
 * @returns for each of `parameters` the value that holds its gradient, in the parameter's shape.
 * @throws GraphError when an operator on the way has no gradient, or a parameter does not reach the loss.
 */
export function backward(loss: Value, parameters: readonly Value[]): Map<Value, Value> {
  if (loss.shape.length !== 0) throw new GraphError(`the loss must be a scalar, got [${loss.shape}]`);
  const graph = loss.graph;
  const contributions = new Map<Value, Gradient[]>();
  contributions.set(loss, [graph.floats(1)]);
  const forward = [...graph.nodes];
  for (let index = forward.length - 1; index >= 0; index -= 1) {
    const node = forward[index]!;
    const output = node.outputs[0]!;
    const given = contributions.get(output);
    const inParts = given?.length === 1 && isProjection(node) ? given.find(isRowGradient) : undefined;
    const dy = inParts ? undefined : total(contributions, output);
    const other = node.outputs.slice(1).find((value) => contributions.has(value));
    if (other)
      throw new GraphError(
        `the loss depends on ${other.name}, and ${node.op} has a gradient for its first output only`,
      );
    if (!(dy ?? inParts) || !output.differentiable) continue;
    const custom = node.customGradient;
    const inputs = custom ? custom.inputs : node.inputs;
    const found = inParts ? projectionGradients(node, inParts) : custom ? custom.rule(dy!) : ruleFor(node)(node, dy!);
    inputs.forEach((input, place) => {
      const gradient = found[place];
      if (!input?.differentiable || !gradient) return;
      const list = contributions.get(input) ?? [];
      list.push(unbroadcast(gradient, input));
      contributions.set(input, list);
    });
  }
  const result = new Map<Value, Value>();
  for (const parameter of parameters) {
    const gradient = total(contributions, parameter);
    if (!gradient) throw new GraphError(`parameter ${parameter.name} does not reach the loss`);
    result.set(parameter, gradient);
  }
  return result;
}

function ruleFor(node: GraphNode): GradientRule {
  const rule = gradients[node.op as DifferentiableOp];
  if (!rule) throw new GraphError(`operator ${node.op} has no gradient rule`);
  return rule;
}

function total(contributions: Map<Value, Gradient[]>, value: Value): Value | undefined {
  const list = contributions.get(value);
  if (!list || list.length === 0) return undefined;
  const sum = sumOf(list);
  contributions.set(value, [sum]);
  return sum;
}

/** Sums a gradient over the axes along which its input was broadcast. */
function unbroadcast(gradient: Gradient, input: Value): Gradient {
  if ("kind" in gradient) return gradient;
  const { leading, stretched } = broadcastAxes(gradient.shape, input.shape);
  const kept = stretched.length === 0 ? gradient : reduceSum(gradient, stretched, true);
  return leading.length === 0 ? kept : reduceSum(kept, leading);
}
