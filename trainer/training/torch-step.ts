// The PyTorch executor of a training graph: the same interface as an onnxruntime session's, the work in other processes.
import type * as Ort from "onnxruntime-common";
import { z } from "zod";
import { DROPOUT_OFFSETS, DROPOUT_POOL } from "../networks/dropout.ts";
import { type ParameterSpec, sizeOf, type Weights } from "../networks/parameters.ts";
import { DropoutPool } from "./dropout-pool.ts";
import { type FrameTensor, frameTensor } from "./frames.ts";
import { type AdamSettings, firstMomentName, meanName, secondMomentName } from "./optimizer.ts";
import {
  type Feeds,
  meanMetrics,
  type OptimizerState,
  type StepExecutor,
  type StepMetrics,
  type TrainingGraph,
  type UpdateBatch,
} from "./step-executor.ts";
import { TorchProcess, type TorchProcessSettings } from "./torch-process.ts";
import { trainingProgram } from "./training-program.ts";

export interface TorchStepOptions extends TorchProcessSettings {
  readonly ort: typeof Ort;
  readonly adam: AdamSettings;
  readonly dropout: number;
  readonly seed: number;
  readonly threads: number;
  /** Batches of an update. Default 1. */
  readonly accumulate?: number;
  /** Decay of a moving average of the weights. Default 0: none is kept. */
  readonly ema?: number;
  /** bf16 computes products in 16 bits under autocast; weights and their updates stay float32. */
  readonly precision: "fp32" | "bf16";
  /** torch.compile. */
  readonly compile: boolean;
}

const readySchema = z.object({ device: z.string(), processes: z.int(), torch: z.string() });
const metricsSchema = z.object({
  // what is no finite number has no JSON of its own: "nan", "inf"
  metrics: z.record(z.string(), z.union([z.number(), z.string().transform(() => Number.NaN)])),
  peakBytes: z.number(),
});

export class TorchStep implements StepExecutor {
  readonly specs: readonly ParameterSpec[];
  /** Where it runs, for a line to the person who waits. */
  readonly description: string;
  readonly #process: TorchProcess;
  readonly #options: TorchStepOptions;
  readonly #dropout: DropoutPool | undefined;
  #sentPool = 0;
  #step: number;
  #peakBytes = 0;

  private constructor(
    started: TorchProcess,
    model: TrainingGraph,
    state: OptimizerState,
    options: TorchStepOptions,
    description: string,
  ) {
    const { ort, dropout: rate, seed } = options;
    this.#process = started;
    this.#options = options;
    this.specs = model.parameters.specs;
    this.#dropout =
      model.dropoutSites > 0 ? new DropoutPool(ort, { sites: model.dropoutSites, rate, seed }) : undefined;
    this.#step = state.step;
    this.description = description;
  }

  /** @throws TorchError when the processes cannot begin. */
  static async create(model: TrainingGraph, state: OptimizerState, options: TorchStepOptions): Promise<TorchStep> {
    const { threads, precision, compile, adam, ema = 0 } = options;
    const started = await TorchProcess.start(options);
    try {
      const { specs } = model.parameters;
      const program = trainingProgram(model);
      const parameters = specs.map(({ name }) => name);
      const fields = { threads, precision, compile, adam, ema, step: state.step, parameters };
      const tensors = [
        { name: "program", type: "uint8", shape: [program.length], bytes: program },
        ...stateTensors(specs, state),
      ];
      const answer = await started.ask({ type: "start", ...fields }, tensors, "ready");
      const { device, processes, torch } = readySchema.parse(answer.fields);
      const where = `PyTorch ${torch} on ${processes} × ${device.replace(/:\d+$/, "")}, ${precision}`;
      return new TorchStep(started, model, state, options, where);
    } catch (error) {
      await started.stop();
      throw error;
    }
  }

  get step(): number {
    return this.#step;
  }

  get peakBytes(): number {
    return this.#peakBytes;
  }

  async update(batches: readonly UpdateBatch[], rate: number): Promise<StepMetrics> {
    const step = this.#step + 1;
    const parts: StepMetrics[] = [];
    let norm: StepMetrics = {};
    for (const [place, { feeds, largestActivation, share }] of batches.entries()) {
      const tensors = Object.entries(feeds).map(([name, tensor]) => frameTensor(name, tensor));
      if (this.#dropout) {
        const offsets = this.#dropout.offsets(this.#step * batches.length + place + 1);
        tensors.push(frameTensor(DROPOUT_OFFSETS, offsets));
        const pool = this.#dropout.pool(largestActivation);
        if (pool.size !== this.#sentPool) tensors.push(frameTensor(DROPOUT_POOL, pool)); // kept there until it grows
        this.#sentPool = pool.size;
      }
      const last = place === batches.length - 1;
      const answer = await this.#process.ask({ type: last ? "update" : "accumulate", rate, share }, tensors, "metrics");
      const { metrics, peakBytes } = metricsSchema.parse(answer.fields);
      const { gradient_norm, ...own } = metrics;
      parts.push(own);
      if (gradient_norm !== undefined) norm = { gradient_norm };
      this.#peakBytes = peakBytes;
    }
    this.#step = step;
    return { ...meanMetrics(parts, batches), ...norm };
  }

  async parameterTensors(): Promise<Feeds> {
    const { ort } = this.#options;
    const weights = await this.weights();
    return Object.fromEntries(
      this.specs.map(({ name, shape }) => [name, new ort.Tensor("float32", weights.get(name)!, shape)]),
    );
  }

  async weights(): Promise<Weights> {
    return this.#pick(await this.#state("weights"), (name) => name);
  }

  async means(): Promise<Weights | undefined> {
    return this.#averages ? this.#pick(await this.#state("means"), meanName) : undefined;
  }

  async state(): Promise<OptimizerState> {
    const found = await this.#state("weights", "moments", "means");
    return {
      weights: this.#pick(found, (name) => name),
      firstMoments: this.#pick(found, firstMomentName),
      secondMoments: this.#pick(found, secondMomentName),
      step: this.#step,
      ...(this.#averages && { means: this.#pick(found, meanName) }),
    };
  }

  dispose(): Promise<void> {
    return this.#process.stop();
  }

  get #averages(): boolean {
    return (this.#options.ema ?? 0) > 0;
  }

  async #state(...parts: ("weights" | "moments" | "means")[]): Promise<ReadonlyMap<string, Float32Array>> {
    return (await this.#process.ask({ type: "state", parts }, [], "state")).tensors;
  }

  #pick(tensors: ReadonlyMap<string, Float32Array>, keyOf: (name: string) => string): Weights {
    return new Map(
      this.specs.map(({ name, shape }) => {
        const values = tensors.get(keyOf(name));
        if (values?.length !== sizeOf(shape)) throw new Error(`PyTorch gave no ${keyOf(name)} of shape [${shape}]`);
        return [name, values];
      }),
    );
  }
}

function stateTensors(specs: readonly ParameterSpec[], state: OptimizerState): FrameTensor[] {
  const parts: [Weights, (name: string) => string][] = [
    [state.weights, (name) => name],
    [state.firstMoments, firstMomentName],
    [state.secondMoments, secondMomentName],
    [state.means ?? new Map(), meanName],
  ];
  return parts.flatMap(([values, keyOf]) =>
    specs.flatMap(({ name, shape }) => {
      const data = values.get(name); // before the first update there are no moments (zeros) and no means (the weights)
      if (!data) return [];
      const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
      return [{ name: keyOf(name), type: "float32", shape, bytes }];
    }),
  );
}
