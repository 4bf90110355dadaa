// Test support: the smallest model that trains, a linear layer with dropout under a squared error, and its batches.
import * as ort from "onnxruntime-node";
import { Graph } from "../graph/graph.ts";
import * as op from "../graph/ops.ts";
import { PooledDropout } from "../networks/dropout.ts";
import { initialWeights, Parameters, type Weights } from "../networks/parameters.ts";
import { Random } from "../random.ts";
import {
  type Feeds,
  type OptimizerState,
  type TrainingGraph,
  TrainingStep,
  type TrainingStepOptions,
} from "./training-step.ts";

const INPUTS = 3;
const ROWS = 4;

/** Largest activation of a batch, for the dropout pool. */
export const REGRESSION_ACTIVATION = ROWS * INPUTS;

export function regressionGraph(): TrainingGraph {
  const graph = new Graph();
  const parameters = new Parameters(graph);
  const dropout = new PooledDropout(graph);
  const x = dropout.apply(graph.input("x", "float32", ["N", INPUTS]));
  const weight = parameters.get("weight", [INPUTS, 1], { normal: 1 });
  const error = op.sub(
    op.linear(x, weight, parameters.get("bias", [1], { constant: 0 })),
    graph.input("y", "float32", ["N", 1]),
  );
  const loss = op.div(op.sumAll(op.mul(error, error)), graph.input("rows", "float32", []));
  return { graph, parameters, loss, metrics: { error: op.sumAll(error) }, dropoutSites: dropout.sites };
}

export const regressionSpecs = regressionGraph().parameters.specs;
export const regressionWeights = (seed: number): Weights => initialWeights(regressionSpecs, seed).weights;

/** The state before the first update. */
export const freshState = (weights: Weights): OptimizerState => ({
  weights,
  firstMoments: new Map(),
  secondMoments: new Map(),
  step: 0,
});

export function regressionStep(
  state: OptimizerState,
  dropout = 0.3,
  seed = 1,
  more: Pick<TrainingStepOptions, "accumulate" | "ema"> = {},
): Promise<TrainingStep> {
  const adam = { beta1: 0.9, beta2: 0.98, epsilon: 1e-9, clipNorm: 1 };
  return TrainingStep.create(regressionGraph(), state, { ort, adam, dropout, seed, threads: 1, ...more });
}

/** Points on y = x₀ − 2x₁ + 0.5x₂ + 3. */
export function regressionBatch(number: number, rows = ROWS): Feeds {
  const random = new Random("regression", number);
  const x = Float32Array.from({ length: rows * INPUTS }, () => random.normal());
  const y = Float32Array.from({ length: rows }, (_, row) => {
    const [a, b, c] = x.subarray(row * INPUTS, (row + 1) * INPUTS);
    return a! - 2 * b! + 0.5 * c! + 3;
  });
  return regressionFeeds(x, y);
}

/** Rows of several batches as one. */
export function joinedBatches(...batches: readonly Feeds[]): Feeds {
  const all = (name: string) =>
    Float32Array.from(batches.flatMap((batch) => Array.from(batch[name]!.data as Float32Array)));
  return regressionFeeds(all("x"), all("y"));
}

const regressionFeeds = (x: Float32Array, y: Float32Array): Feeds => ({
  x: new ort.Tensor("float32", x, [y.length, INPUTS]),
  y: new ort.Tensor("float32", y, [y.length, 1]),
  rows: new ort.Tensor("float32", Float32Array.of(y.length), []),
});
