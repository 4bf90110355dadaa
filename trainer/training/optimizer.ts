// Adam (Kingma & Ba 2015) with clipping by the global norm, as nodes of the training graph.
import type { Graph, Value } from "../graph/graph.ts";
import * as op from "../graph/ops.ts";

export interface AdamSettings {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** Gradients are scaled down to this global norm where theirs is larger. */
  readonly clipNorm: number;
}

export interface AdamNodes {
  readonly parameters: Map<string, Value>;
  readonly firstMoments: Map<string, Value>;
  readonly secondMoments: Map<string, Value>;
  readonly gradientNorm: Value;
}

export const LEARNING_RATE = "learning_rate";
export const firstMomentName = (parameter: string): string => `${parameter}:m`;
export const secondMomentName = (parameter: string): string => `${parameter}:v`;
/** Of a parameter's moving average, which is part of a run's state where one is kept. */
export const meanName = (parameter: string): string => `${parameter}:mean`;

/**
 * Adds one update of every parameter. The learning rate input already holds the bias correction of Adam's step
 * (`correctedRate`), so that the graph needs no step count.
 */
export function adam(graph: Graph, gradients: Map<Value, Value>, settings: AdamSettings): AdamNodes {
  const { beta1, beta2, epsilon, clipNorm } = settings;
  const rate = graph.input(LEARNING_RATE, "float32", []);
  const squares = [...gradients.values()].map((gradient) => op.sumOfSquares(gradient));
  const norm = op.sqrt(squares.reduce((a, b) => op.add(a, b)));
  const scale = op.div(graph.floats(clipNorm), op.maximum(norm, clipNorm));
  // the clipping is part of each moment's factor: one pass less over every gradient
  const mixM = op.mul(scale, 1 - beta1);
  const mixV = op.mul(op.mul(scale, scale), 1 - beta2);
  const nodes: AdamNodes = {
    parameters: new Map(),
    firstMoments: new Map(),
    secondMoments: new Map(),
    gradientNorm: norm,
  };
  for (const [parameter, gradient] of gradients) {
    const { name, shape } = parameter;
    const m = graph.input(firstMomentName(name), "float32", shape);
    const v = graph.input(secondMomentName(name), "float32", shape);
    const nextM = op.add(op.mul(m, beta1), op.mul(gradient, mixM));
    const nextV = op.add(op.mul(v, beta2), op.mul(op.mul(gradient, gradient), mixV));
    const step = op.div(op.mul(nextM, rate), op.add(op.sqrt(nextV), epsilon));
    nodes.parameters.set(name, op.sub(parameter, step));
    nodes.firstMoments.set(name, nextM);
    nodes.secondMoments.set(name, nextV);
  }
  return nodes;
}

/** The learning rate of `step` (from 1) with Adam's bias corrections: rate·√(1 − β2^t)/(1 − β1^t). */
export function correctedRate(rate: number, step: number, settings: AdamSettings): number {
  return (rate * Math.sqrt(1 - settings.beta2 ** step)) / (1 - settings.beta1 ** step);
}
