// One training step as one session: forward, gradients and Adam; parameters go in and come out without a copy.
import type * as Ort from "onnxruntime-common";
import { backward } from "../graph/backward.ts";
import { Graph, type Value } from "../graph/graph.ts";
import { serializeModel } from "../graph/onnx.ts";
import { DROPOUT_OFFSETS, DROPOUT_POOL } from "../networks/dropout.ts";
import { type ParameterSpec, sizeOf, type Weights } from "../networks/parameters.ts";
import { DropoutPool } from "./dropout-pool.ts";
import { GradientSums, summedGradients } from "./gradient-sums.ts";
import { MovingAverage } from "./moving-average.ts";
import {
  type AdamSettings,
  adam,
  correctedRate,
  firstMomentName,
  LEARNING_RATE,
  secondMomentName,
} from "./optimizer.ts";
import type { PingPong } from "./ping-pong.ts";
import {
  type Feeds,
  meanMetrics,
  type OptimizerState,
  type StepExecutor,
  type StepMetrics,
  type TrainingGraph,
  type UpdateBatch,
} from "./step-executor.ts";

export type { Feeds, OptimizerState, StepExecutor, StepMetrics, TrainingGraph, UpdateBatch };

export interface TrainingStepOptions {
  readonly ort: typeof Ort;
  readonly adam: AdamSettings;
  readonly dropout: number;
  readonly seed: number;
  readonly threads: number;
  /** Batches of an update. Default 1. */
  readonly accumulate?: number;
  /** Decay of a moving average of the weights. Default 0: none is kept. */
  readonly ema?: number;
  readonly providers?: readonly string[];
}

const GRADIENT_NORM = "gradient_norm";

export class TrainingStep implements StepExecutor {
  readonly specs: readonly ParameterSpec[];
  readonly #session: Ort.InferenceSession;
  /** Where an update has several batches: `#session` is then the optimizer alone. */
  readonly #sums: GradientSums | undefined;
  readonly #options: TrainingStepOptions;
  readonly #buffers: Map<string, PingPong>;
  readonly #metricNames: readonly string[];
  readonly #dropout: DropoutPool | undefined;
  readonly #average: MovingAverage | undefined;
  #step: number;

  private constructor(
    session: Ort.InferenceSession,
    sums: GradientSums | undefined,
    model: TrainingGraph,
    state: OptimizerState,
    options: TrainingStepOptions,
    metricNames: readonly string[],
  ) {
    this.#session = session;
    this.#sums = sums;
    this.#options = options;
    this.specs = model.parameters.specs;
    const { ort, dropout: rate, seed, ema = 0 } = options;
    const sites = model.dropoutSites;
    this.#dropout = sites > 0 ? new DropoutPool(ort, { sites, rate, seed }) : undefined;
    this.#average = ema > 0 ? new MovingAverage(ema, state.means ?? state.weights) : undefined;
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

  /** Adds gradients and optimizer to `model`, and makes the session; for several batches an update, one for each of the two. */
  static async create(
    model: TrainingGraph,
    state: OptimizerState,
    options: TrainingStepOptions,
  ): Promise<TrainingStep> {
    const open = (bytes: Uint8Array) =>
      options.ort.InferenceSession.create(bytes, {
        executionProviders: [...(options.providers ?? ["cpu"])],
        intraOpNumThreads: options.threads,
        interOpNumThreads: 1,
        executionMode: "sequential",
        enableMemPattern: false, // every batch has a shape of its own
        logSeverityLevel: 3,
      });
    const own = backward(model.loss, [...model.parameters.values.values()]);
    const sums = (options.accumulate ?? 1) > 1 ? await GradientSums.create(options.ort, model, own, open) : undefined;
    const graph = sums ? new Graph() : model.graph;
    const gradients = sums ? summedGradients(graph, model.parameters.specs) : own;
    const update = adam(graph, gradients, options.adam);
    const outputs: Record<string, Value> = sums ? {} : { loss: model.loss };
    outputs[GRADIENT_NORM] = update.gradientNorm;
    if (!sums) Object.assign(outputs, model.metrics);
    const metricNames = Object.keys(outputs);
    const next = (name: string) => `${name}:next`;
    for (const [name, value] of update.parameters) outputs[next(name)] = value;
    for (const [name, value] of update.firstMoments) outputs[next(firstMomentName(name))] = value;
    for (const [name, value] of update.secondMoments) outputs[next(secondMomentName(name))] = value;
    const session = await open(serializeModel(graph, outputs));
    return new TrainingStep(session, sums, model, state, options, metricNames);
  }

  get step(): number {
    return this.#step;
  }

  async update(batches: readonly UpdateBatch[], rate: number): Promise<StepMetrics> {
    const { ort, adam: settings, accumulate = 1 } = this.#options;
    if (batches.length !== accumulate)
      throw new Error(`this training step makes an update of ${accumulate} batches, not of ${batches.length}`);
    const step = this.#step + 1;
    const inputs: Feeds = {};
    const parts: StepMetrics[] = [];
    this.#sums?.clear();
    for (const [place, batch] of batches.entries()) {
      const made = this.#inputs(batch, this.#step * accumulate + place + 1);
      if (this.#sums) parts.push(await this.#sums.add({ ...made, ...this.parameterTensors() }, batch.share));
      else Object.assign(inputs, made);
    }
    Object.assign(inputs, this.#sums?.tensors());
    inputs[LEARNING_RATE] = new ort.Tensor("float32", Float32Array.of(correctedRate(rate, step, settings)), []);
    const fetches: Record<string, Ort.Tensor | null> = {};
    for (const name of this.#metricNames) fetches[name] = null;
    for (const [name, pair] of this.#buffers) {
      inputs[name] = pair.read;
      fetches[`${name}:next`] = pair.write;
    }
    const results = await this.#session.run(inputs, fetches);
    for (const pair of this.#buffers.values()) [pair.read, pair.write] = [pair.write, pair.read];
    this.#step = step;
    this.#average?.add(new Map(this.specs.map(({ name }) => [name, this.#values(name)])), step);
    const last = this.#metricNames.map((name): [string, number] => [name, Number(results[name]?.data[0])]);
    return { ...meanMetrics(parts, batches), ...Object.fromEntries(last) };
  }

  parameterTensors(): Feeds {
    return Object.fromEntries(this.specs.map(({ name }) => [name, this.#buffers.get(name)!.read]));
  }

  weights(): Weights {
    return this.#copies((name) => name);
  }

  means(): Weights | undefined {
    return this.#average?.weights();
  }

  state(): OptimizerState {
    const means = this.means();
    return {
      weights: this.weights(),
      firstMoments: this.#copies(firstMomentName),
      secondMoments: this.#copies(secondMomentName),
      step: this.#step,
      ...(means && { means }),
    };
  }

  async dispose(): Promise<void> {
    await this.#session.release();
    await this.#sums?.release();
  }

  /** A batch with its dropout. @param number which batch of the training it is, from 1. */
  #inputs({ feeds, largestActivation }: UpdateBatch, number: number): Feeds {
    if (!this.#dropout) return feeds;
    const pool = this.#dropout.pool(largestActivation);
    return { ...feeds, [DROPOUT_POOL]: pool, [DROPOUT_OFFSETS]: this.#dropout.offsets(number) };
  }

  #values(key: string): Float32Array {
    const data = this.#buffers.get(key)?.read.data;
    if (!(data instanceof Float32Array)) throw new Error(`parameter ${key} is not held as float32`);
    return data;
  }

  #copies(keyOf: (name: string) => string): Weights {
    return new Map(this.specs.map(({ name }) => [name, this.#values(keyOf(name)).slice()]));
  }
}
