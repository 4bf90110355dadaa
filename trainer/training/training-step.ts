// One training step as one session: forward, gradients and Adam; parameters go in and come out without a copy.
import type * as Ort from "onnxruntime-common";
import { backward } from "../graph/backward.ts";
import type { Graph, Value } from "../graph/graph.ts";
import { type NamedOutputs, serializeModel } from "../graph/onnx.ts";
import { DROPOUT_OFFSETS, DROPOUT_POOL } from "../networks/dropout.ts";
import { type ParameterSpec, type Parameters, sizeOf, type Weights } from "../networks/parameters.ts";
import { DropoutPool } from "./dropout-pool.ts";
import {
  type AdamSettings,
  adam,
  correctedRate,
  firstMomentName,
  LEARNING_RATE,
  secondMomentName,
} from "./optimizer.ts";

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
}

export interface TrainingStepOptions {
  readonly ort: typeof Ort;
  readonly adam: AdamSettings;
  readonly dropout: number;
  readonly seed: number;
  readonly threads: number;
  readonly providers?: readonly string[];
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
   * @param feeds the batch, by the graph's input names.
   * @param rate the schedule's learning rate of this step.
   * @param largestActivation elements of the largest activation that is dropped: rows · width.
   */
  update(feeds: Feeds, rate: number, largestActivation: number): Promise<StepMetrics>;
  /** The parameters' tensors as the next step will read them; not to be kept over a step. */
  parameterTensors(): Feeds | Promise<Feeds>;
  /** The weights as they are now; copies, so that training may go on. */
  weights(): Weights | Promise<Weights>;
  state(): OptimizerState | Promise<OptimizerState>;
  dispose(): Promise<void>;
}

/** Two buffers per tensor: a step reads one and writes the other, then they change places. */
interface PingPong {
  read: Ort.Tensor;
  write: Ort.Tensor;
}

export class TrainingStep implements StepExecutor {
  readonly specs: readonly ParameterSpec[];
  readonly #session: Ort.InferenceSession;
  readonly #options: TrainingStepOptions;
  readonly #buffers: Map<string, PingPong>;
  readonly #metricNames: readonly string[];
  readonly #dropout: DropoutPool | undefined;
  #step: number;

  private constructor(
    session: Ort.InferenceSession,
    model: TrainingGraph,
    state: OptimizerState,
    options: TrainingStepOptions,
    metricNames: readonly string[],
  ) {
    this.#session = session;
    this.#options = options;
    this.specs = model.parameters.specs;
    const { ort, dropout: rate, seed } = options;
    const sites = model.dropoutSites;
    this.#dropout = sites > 0 ? new DropoutPool(ort, { sites, rate, seed }) : undefined;
    this.#metricNames = metricNames;
    this.#step = state.step;
    this.#buffers = new Map();
    for (const { name, shape } of this.specs) {
      const pairs: [string, Float32Array | undefined][] = [
        [name, state.weights.get(name)],
        [firstMomentName(name), state.firstMoments.get(name)],
        [secondMomentName(name), state.secondMoments.get(name)],
      ];
      for (const [key, values] of pairs) {
        const tensor = (data: Float32Array) => new options.ort.Tensor("float32", data, shape);
        const read = values ? values.slice() : new Float32Array(sizeOf(shape));
        this.#buffers.set(key, { read: tensor(read), write: tensor(new Float32Array(sizeOf(shape))) });
      }
    }
  }

  /** Adds gradients and optimizer to `model`, and makes the session. */
  static async create(
    model: TrainingGraph,
    state: OptimizerState,
    options: TrainingStepOptions,
  ): Promise<TrainingStep> {
    const gradients = backward(model.loss, [...model.parameters.values.values()]);
    const update = adam(model.graph, gradients, options.adam);
    const outputs: Record<string, Value> = { loss: model.loss, gradient_norm: update.gradientNorm, ...model.metrics };
    const metricNames = Object.keys(outputs);
    const next = (name: string) => `${name}:next`;
    for (const [name, value] of update.parameters) outputs[next(name)] = value;
    for (const [name, value] of update.firstMoments) outputs[next(firstMomentName(name))] = value;
    for (const [name, value] of update.secondMoments) outputs[next(secondMomentName(name))] = value;
    const session = await options.ort.InferenceSession.create(serializeModel(model.graph, outputs), {
      executionProviders: [...(options.providers ?? ["cpu"])],
      intraOpNumThreads: options.threads,
      interOpNumThreads: 1,
      executionMode: "sequential",
      enableMemPattern: false, // every batch has a shape of its own
      logSeverityLevel: 3,
    });
    return new TrainingStep(session, model, state, options, metricNames);
  }

  get step(): number {
    return this.#step;
  }

  async update(feeds: Feeds, rate: number, largestActivation: number): Promise<StepMetrics> {
    const { ort, adam: settings } = this.#options;
    const step = this.#step + 1;
    const inputs: Feeds = { ...feeds };
    inputs[LEARNING_RATE] = new ort.Tensor("float32", Float32Array.of(correctedRate(rate, step, settings)), []);
    if (this.#dropout) {
      inputs[DROPOUT_POOL] = this.#dropout.pool(largestActivation);
      inputs[DROPOUT_OFFSETS] = this.#dropout.offsets(step);
    }
    const fetches: Record<string, Ort.Tensor | null> = {};
    for (const name of this.#metricNames) fetches[name] = null;
    for (const [name, pair] of this.#buffers) {
      inputs[name] = pair.read;
      fetches[`${name}:next`] = pair.write;
    }
    const results = await this.#session.run(inputs, fetches);
    for (const pair of this.#buffers.values()) [pair.read, pair.write] = [pair.write, pair.read];
    this.#step = step;
    return Object.fromEntries(this.#metricNames.map((name) => [name, Number(results[name]?.data[0])]));
  }

  parameterTensors(): Feeds {
    return Object.fromEntries(this.specs.map(({ name }) => [name, this.#buffers.get(name)!.read]));
  }

  weights(): Weights {
    return this.#copies((name) => name);
  }

  state(): OptimizerState {
    return {
      weights: this.weights(),
      firstMoments: this.#copies(firstMomentName),
      secondMoments: this.#copies(secondMomentName),
      step: this.#step,
    };
  }

  async dispose(): Promise<void> {
    await this.#session.release();
  }

  #copies(keyOf: (name: string) => string): Weights {
    const entries = this.specs.map(({ name }): [string, Float32Array] => {
      const data = this.#buffers.get(keyOf(name))?.read.data;
      if (!(data instanceof Float32Array)) throw new Error(`parameter ${name} is not held as float32`);
      return [name, data.slice()];
    });
    return new Map(entries);
  }
}
