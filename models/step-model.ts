// Runs step.onnx for a batch of segments and appends what it gives to their states.
import type { InferenceSession, Tensor, TypedTensor } from "onnxruntime-common";
import { BundleError } from "./bundle-error.ts";
import { CtcDecoder } from "./ctc-decoder.ts";
import type { BundleManifest } from "./manifest.ts";
import type { SegmentDecoder, StepResult } from "./segment-decoder.ts";
import { SegmentState, type StateShape } from "./segment-state.ts";
import { StepBatch, type StepRow, type StepSizes } from "./step-batch.ts";
import { signatureMismatch, stepSignature } from "./step-signature.ts";
import type { Wait } from "./wait.ts";

/** What of onnxruntime is used; onnxruntime-node and onnxruntime-web both have it. */
export interface OnnxRuntime {
  InferenceSession: { create(model: string | Uint8Array, options?: InferenceSession.SessionOptions): Promise<Session> };
  Tensor: typeof Tensor;
}

interface Session {
  readonly inputMetadata: readonly InferenceSession.ValueMetadata[];
  readonly outputMetadata: readonly InferenceSession.ValueMetadata[];
  run(feeds: InferenceSession.FeedsType): Promise<InferenceSession.ReturnType>;
  release(): Promise<void>;
}

/** What runs steps: a model of either kind, or a stand-in for one in tests. */
export interface StepRunner {
  readonly maxSourceTokens: number;
  /** A new segment's policy. Throws RangeError for a wait that is none. */
  newDecoder(wait: Wait): SegmentDecoder;
  /** A new segment's state, empty. */
  newState(): SegmentState;
  run(rows: readonly StepRow[]): Promise<StepResult[]>;
}

/** A CTC student's step graph in a runtime session. */
export class StepModel implements StepRunner {
  readonly slotsPerToken: number;
  readonly maxSourceTokens: number;
  readonly #ort: OnnxRuntime;
  readonly #session: Session;
  readonly #shape: StateShape;
  readonly #batch: StepBatch;
  /** Steps run one after the other: they share the scratch memory. */
  #last: Promise<unknown> = Promise.resolve();

  private constructor(ort: OnnxRuntime, session: Session, shape: StateShape) {
    this.slotsPerToken = shape.slotsPerToken;
    this.maxSourceTokens = shape.maxSourceTokens;
    this.#ort = ort;
    this.#session = session;
    this.#shape = shape;
    this.#batch = new StepBatch(shape);
  }

  /**
   * Loads the graph and checks its inputs and outputs.
   * @param model path (Node) or content of step.onnx.
   * @throws BundleError `kind` for a teacher's manifest, `signature` when a tensor is missing or of another type or shape.
   */
  static async create(
    ort: OnnxRuntime,
    model: string | Uint8Array,
    manifest: Pick<BundleManifest, "name" | "kind" | "architecture" | "step" | "limits">,
    options?: InferenceSession.SessionOptions,
  ): Promise<StepModel> {
    const { step, architecture, limits } = manifest;
    if (step === undefined || architecture.slotsPerToken === undefined) {
      throw new BundleError("kind", `bundle "${manifest.name}" is a ${manifest.kind}: only a student has a step graph`);
    }
    const session = await ort.InferenceSession.create(model, options);
    const signature = stepSignature(step);
    const mismatch =
      signatureMismatch("input", signature.inputs, session.inputMetadata.map(tensorOf)) ??
      signatureMismatch("output", signature.outputs, session.outputMetadata.map(tensorOf));
    if (mismatch !== undefined) {
      await session.release();
      throw new BundleError("signature", `step.onnx of bundle "${manifest.name}": ${mismatch}`);
    }
    return new StepModel(ort, session, {
      sourceStateWidth: step.sourceStateWidth,
      slotStateWidth: step.slotStateWidth,
      slotsPerToken: architecture.slotsPerToken,
      maxSourceTokens: limits.maxSourceTokens,
    });
  }

  /** Bytes of scratch memory held between steps. */
  get scratchBytes(): number {
    return this.#batch.bytes;
  }

  newDecoder(wait: Wait): CtcDecoder {
    return new CtcDecoder({ wait, slotsPerToken: this.slotsPerToken, maxSourceTokens: this.maxSourceTokens });
  }

  newState(): SegmentState {
    return new SegmentState(this.#shape);
  }

  /**
   * One step for all rows at once; each row's result is the same whatever shares the batch. Calls wait for each other.
   * @throws RangeError when a row exceeds the position limit, opens a chunk before its token, or shares a state; no state
   * has changed then.
   */
  run(rows: readonly StepRow[]): Promise<StepResult[]> {
    const step = this.#last.then(() => this.#step(rows));
    this.#last = step.catch(() => undefined);
    return step;
  }

  /** Frees the runtime's session, after the steps under way. */
  async release(): Promise<void> {
    await this.#last;
    await this.#session.release();
  }

  async #step(rows: readonly StepRow[]): Promise<StepResult[]> {
    if (rows.length === 0) return [];
    this.#check(rows);
    const sizes = this.#batch.sizes(rows);
    const feeds: Record<string, Tensor> = {};
    for (const [name, { type, data, dims }] of Object.entries(this.#batch.inputs(rows, sizes))) {
      feeds[name] = new this.#ort.Tensor(type, data, dims);
    }
    return this.#accept(rows, sizes, await this.#session.run(feeds));
  }

  #check(rows: readonly StepRow[]): void {
    if (new Set(rows.map(({ state }) => state)).size < rows.length) {
      throw new RangeError("two rows of one step share a segment state");
    }
    for (const [b, { state, tokens, chunks }] of rows.entries()) {
      const positions = state.sourceLength + tokens.length;
      if (positions > this.maxSourceTokens) {
        throw new RangeError(`row ${b}: ${positions} source positions, the limit is ${this.maxSourceTokens}`);
      }
      if (state.chunkLength + chunks.length > positions) {
        throw new RangeError(`row ${b}: ${state.chunkLength + chunks.length} chunks for ${positions} source positions`);
      }
    }
  }

  /** Cuts the outputs into rows and appends the new state. */
  #accept(rows: readonly StepRow[], sizes: StepSizes, outputs: InferenceSession.ReturnType): StepResult[] {
    const { rows: B, tokens: N } = sizes;
    const T = sizes.chunks * this.slotsPerToken;
    const { sourceStateWidth, slotStateWidth } = this.#shape;
    const slotIds = output(outputs, "slot_ids", "int64", [B, T]).data;
    const slotScores = output(outputs, "slot_scores", "float32", [B, T]).data;
    const sourceState = output(outputs, "new_source_state", "float32", [B, N, sourceStateWidth]).data;
    const slotState = output(outputs, "new_slot_state", "float32", [B, T, slotStateWidth]).data;
    return rows.map(({ state, tokens, chunks }, b) => {
      const slots = chunks.length * this.slotsPerToken;
      const source = b * N * sourceStateWidth;
      const slot = b * T * slotStateWidth;
      state.append(
        sourceState.subarray(source, source + tokens.length * sourceStateWidth),
        slotState.subarray(slot, slot + slots * slotStateWidth),
      );
      return {
        slotIds: Array.from(slotIds.subarray(b * T, b * T + slots), Number),
        slotScores: Array.from(slotScores.subarray(b * T, b * T + slots)),
      };
    });
  }
}

function tensorOf(metadata: InferenceSession.ValueMetadata) {
  const { name } = metadata;
  return metadata.isTensor
    ? { name, type: metadata.type, shape: metadata.shape }
    : { name, type: "not a tensor", shape: [] };
}

function output<T extends "int64" | "float32">(
  outputs: InferenceSession.ReturnType,
  name: string,
  type: T,
  dims: readonly number[],
): TypedTensor<T> {
  const tensor = outputs[name];
  if (!isTensorOf(tensor, type) || tensor.dims.join() !== dims.join()) {
    throw new BundleError(
      "signature",
      `step.onnx: output "${name}" came as ${tensor?.type}[${tensor?.dims}]; expected ${type}[${dims}]`,
    );
  }
  return tensor;
}

function isTensorOf<T extends "int64" | "float32">(tensor: Tensor | undefined, type: T): tensor is TypedTensor<T> {
  return tensor?.type === type;
}
