// What makes the updates of a training: the interface that onnxruntime's session and PyTorch's processes fill.
import type * as Ort from "onnxruntime-common";
import type { Graph, Value } from "../graph/graph.ts";
import type { NamedOutputs } from "../graph/onnx.ts";
import type { ParameterSpec, Parameters, Weights } from "../networks/parameters.ts";

/** A model's training graph before gradients and optimizer are added. */
export interface TrainingGraph {
  readonly graph: Graph;
  readonly parameters: Parameters;
  /** Scalar, already divided by what it is averaged over. */
  readonly loss: Value;
  /** Scalars to report beside the loss. */
  readonly metrics: NamedOutputs;
  readonly dropoutSites: number;
}

export type Feeds = Record<string, Ort.Tensor>;
export type StepMetrics = Record<string, number>;

/** Adam's state beside the weights, and how many updates were made. */
export interface OptimizerState {
  readonly weights: Weights;
  readonly firstMoments: Weights;
  readonly secondMoments: Weights;
  readonly step: number;
  /** The moving average of the weights, where one is kept. */
  readonly means?: Weights;
}

/** One of the batches that make an update. */
export interface UpdateBatch {
  /** By the graph's input names. */
  readonly feeds: Feeds;
  /** Elements of the largest activation that is dropped: rows · width. */
  readonly largestActivation: number;
  /** What its loss, a mean over the batch, weighs in the update's; all of an update's sum up to 1. */
  readonly share: number;
}

/** What makes updates: a session of onnxruntime here, PyTorch's processes in torch-step.ts. */
export interface StepExecutor {
  readonly specs: readonly ParameterSpec[];
  /** Updates made so far. */
  readonly step: number;
  /** The most bytes that it has held, where it keeps them elsewhere than in this process. */
  readonly peakBytes?: number;
  /**
   * Makes one update.
   * @param batches as many as each update of this executor has.
   * @param rate the schedule's learning rate of this step.
   * @returns loss and metrics, means over the batches by their shares, and the norm of the whole gradient.
   */
  update(batches: readonly UpdateBatch[], rate: number): Promise<StepMetrics>;
  /** The parameters' tensors as the next step will read them; not to be kept over a step. */
  parameterTensors(): Feeds | Promise<Feeds>;
  /** The weights as they are now; copies, so that training may go on. */
  weights(): Weights | Promise<Weights>;
  /** The moving average of the weights, where one is kept; copies too. */
  means(): Weights | undefined | Promise<Weights | undefined>;
  state(): OptimizerState | Promise<OptimizerState>;
  dispose(): Promise<void>;
}

/** Loss and metrics of an update, from those of its batches. */
export function meanMetrics(parts: readonly StepMetrics[], batches: readonly UpdateBatch[]): StepMetrics {
  if (parts.length === 1) return parts[0]!;
  const sums: StepMetrics = {};
  for (const [at, part] of parts.entries()) {
    for (const [name, value] of Object.entries(part)) sums[name] = (sums[name] ?? 0) + value * batches[at]!.share;
  }
  return sums;
}
