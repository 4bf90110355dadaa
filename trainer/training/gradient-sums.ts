// Gradients of several batches, added up before one update: a session for forward pass and gradients, and the sums it fills.
import type * as Ort from "onnxruntime-common";
import type { Graph, Value } from "../graph/graph.ts";
import { serializeModel } from "../graph/onnx.ts";
import * as op from "../graph/ops.ts";
import { type ParameterSpec, sizeOf } from "../networks/parameters.ts";
import type { PingPong } from "./ping-pong.ts";
import type { Feeds, StepMetrics, TrainingGraph } from "./step-executor.ts";

const BATCH_SHARE = "batch_share";
const gradientSumName = (parameter: string): string => `${parameter}:g`;
const nextName = (parameter: string): string => `${gradientSumName(parameter)}:next`;

/** The sums as inputs of a graph that has nothing but the parameters: what the optimizer is given. */
export function summedGradients(graph: Graph, specs: readonly ParameterSpec[]): Map<Value, Value> {
  return new Map(
    specs.map(({ name, shape }) => [
      graph.input(name, "float32", shape),
      graph.input(gradientSumName(name), "float32", shape),
    ]),
  );
}

export class GradientSums {
  readonly #ort: typeof Ort;
  readonly #session: Ort.InferenceSession;
  readonly #metricNames: readonly string[];
  /** By parameter. */
  readonly #sums: Map<string, PingPong>;

  private constructor(
    ort: typeof Ort,
    session: Ort.InferenceSession,
    specs: readonly ParameterSpec[],
    metricNames: readonly string[],
  ) {
    this.#ort = ort;
    this.#session = session;
    this.#metricNames = metricNames;
    const zeros = (shape: readonly number[]) => new ort.Tensor("float32", new Float32Array(sizeOf(shape)), shape);
    this.#sums = new Map(specs.map(({ name, shape }) => [name, { read: zeros(shape), write: zeros(shape) }]));
  }

  /** @param gradients of each parameter of `model`. */
  static async create(
    ort: typeof Ort,
    model: TrainingGraph,
    gradients: ReadonlyMap<Value, Value>,
    open: (model: Uint8Array) => Promise<Ort.InferenceSession>,
  ): Promise<GradientSums> {
    const metrics: Record<string, Value> = { loss: model.loss, ...model.metrics };
    const outputs = { ...metrics };
    const share = model.graph.input(BATCH_SHARE, "float32", []);
    for (const [{ name, shape }, gradient] of gradients) {
      const before = model.graph.input(gradientSumName(name), "float32", shape);
      outputs[nextName(name)] = op.add(before, op.mul(gradient, share));
    }
    const session = await open(serializeModel(model.graph, outputs));
    return new GradientSums(ort, session, model.parameters.specs, Object.keys(metrics));
  }

  /** Forgets what was added. */
  clear(): void {
    for (const { read } of this.#sums.values()) if (read.data instanceof Float32Array) read.data.fill(0);
  }

  /**
   * Adds a batch's gradients times its share.
   * @returns the batch's loss and metrics.
   */
  async add(inputs: Feeds, share: number): Promise<StepMetrics> {
    const feeds: Feeds = { ...inputs, [BATCH_SHARE]: new this.#ort.Tensor("float32", Float32Array.of(share), []) };
    const fetches: Record<string, Ort.Tensor | null> = {};
    for (const name of this.#metricNames) fetches[name] = null;
    for (const [name, { read, write }] of this.#sums) {
      feeds[gradientSumName(name)] = read;
      fetches[nextName(name)] = write;
    }
    const results = await this.#session.run(feeds, fetches);
    for (const pair of this.#sums.values()) [pair.read, pair.write] = [pair.write, pair.read];
    return Object.fromEntries(this.#metricNames.map((name) => [name, Number(results[name]?.data[0])]));
  }

  /** The sums by the names that `summedGradients` gave them. */
  tensors(): Feeds {
    return Object.fromEntries([...this.#sums].map(([name, { read }]) => [gradientSumName(name), read]));
  }

  release(): Promise<void> {
    return this.#session.release();
  }
}
