// Runs step.onnx for a batch of segments and appends what it gives to their states.
import type { InferenceSession, Tensor } from "onnxruntime-common";
import { attentionGroups } from "./attention-groups.ts";
import { BundleError } from "./bundle-error.ts";
import { CtcDecoder } from "./ctc-decoder.ts";
import { type GraphOutputs, GraphSession, type OnnxRuntime } from "./graph-session.ts";
import type { BundleManifest } from "./manifest.ts";
import { PagedState } from "./paged-state.ts";
import type { StepResult } from "./segment-decoder.ts";
import { StateMemory } from "./state-memory.ts";
import { StepBatch } from "./step-batch.ts";
import { refuseSharedStates, rowsOfModel, type StepRow, type StepRunner, type StepState } from "./step-runner.ts";
import { stepSignature } from "./step-signature.ts";
import type { Wait } from "./wait.ts";

interface StepShape {
  readonly slotsPerToken: number;
  readonly maxSourceTokens: number;
  readonly width: number;
  readonly heads: number;
  readonly sourceStateWidth: number;
  readonly slotStateWidth: number;
}

type OwnRow = StepRow<PagedState>;
const isOwn = (state: StepState): state is PagedState => state instanceof PagedState;

/** A CTC student's step graph in a runtime session, and the memory of its segments' states. */
export class StepModel implements StepRunner {
  readonly slotsPerToken: number;
  readonly maxSourceTokens: number;
  readonly #session: GraphSession;
  readonly #shape: StepShape;
  readonly #batch: StepBatch;
  readonly #source: StateTensor;
  readonly #slots: StateTensor;
  /** Steps run one after the other: they share the scratch memory. */
  #last: Promise<unknown> = Promise.resolve();

  private constructor(session: GraphSession, shape: StepShape) {
    this.slotsPerToken = shape.slotsPerToken;
    this.maxSourceTokens = shape.maxSourceTokens;
    this.#session = session;
    this.#shape = shape;
    const groups = attentionGroups(shape);
    this.#source = new StateTensor(session, shape.sourceStateWidth, groups.groupWidth);
    this.#slots = new StateTensor(session, shape.slotStateWidth, groups.groupWidth);
    this.#batch = new StepBatch({
      ...groups,
      slotsPerToken: shape.slotsPerToken,
      sourceParts: shape.sourceStateWidth / groups.groupWidth,
      slotParts: shape.slotStateWidth / groups.groupWidth,
    });
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
    const { sourceStateWidth, slotStateWidth } = step;
    const { width, heads, slotsPerToken } = architecture;
    const name = { file: "step.onnx", bundle: manifest.name };
    const signature = stepSignature({ width, heads, sourceStateWidth, slotStateWidth });
    const session = await GraphSession.open(ort, model, signature, name, options).catch((error: unknown) => {
      throw error instanceof BundleError ? withRemedy(error) : error;
    });
    const { maxSourceTokens } = limits;
    return new StepModel(session, { sourceStateWidth, slotStateWidth, width, heads, slotsPerToken, maxSourceTokens });
  }

  /** Bytes of memory for steps and states, free rows included: what the most segments at once have needed. */
  get memoryBytes(): number {
    return this.#batch.bytes + this.#source.memory.bytes + this.#slots.memory.bytes;
  }

  newDecoder(wait: Wait): CtcDecoder {
    return new CtcDecoder({ wait, slotsPerToken: this.slotsPerToken, maxSourceTokens: this.maxSourceTokens });
  }

  newState(): PagedState {
    return new PagedState(this.#source.memory, this.#slots.memory, this.slotsPerToken);
  }

  /**
   * One step for all rows at once; each row's result is the same whatever shares the batch. Calls wait for each other.
   * @throws RangeError when a row exceeds the position limit, opens a chunk before its token, or shares a state; no state
   * has changed then.
   */
  run(rows: readonly StepRow[]): Promise<StepResult[]> {
    const step = this.#last.then(() => this.#step(rowsOfModel(rows, isOwn)));
    this.#last = step.catch(() => undefined);
    return step;
  }

  /** Frees the runtime's session, after the steps under way. */
  async release(): Promise<void> {
    await this.#last;
    await this.#session.release();
  }

  async #step(rows: readonly OwnRow[]): Promise<StepResult[]> {
    if (rows.length === 0) return [];
    this.#check(rows);
    const feeds: Record<string, Tensor> = {
      source_memory: this.#source.tensor(),
      slot_memory: this.#slots.tensor(),
    };
    for (const [name, { data, dims }] of Object.entries(this.#batch.inputs(rows))) {
      feeds[name] = this.#session.tensor("int32", data, dims);
    }
    return this.#accept(rows, await this.#session.runTensors(feeds));
  }

  #check(rows: readonly OwnRow[]): void {
    refuseSharedStates(rows);
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
  #accept(rows: readonly OwnRow[], outputs: GraphOutputs): StepResult[] {
    const { sourceStateWidth, slotStateWidth } = this.#shape;
    const X = Math.max(1, sum(rows.map(({ tokens }) => tokens.length)));
    const Y = Math.max(1, sum(rows.map(({ chunks }) => chunks.length)) * this.slotsPerToken);
    const slotIds = outputs.data("slot_ids", "int32", [Y]);
    const probabilities = outputs.data("slot_probabilities", "float32", [Y]);
    const sourceState = outputs.data("new_source_state", "float32", [X, sourceStateWidth]);
    const slotState = outputs.data("new_slot_state", "float32", [Y, slotStateWidth]);
    let x = 0;
    let y = 0;
    return rows.map(({ state, tokens, chunks }) => {
      const [fromToken, fromSlot] = [x, y];
      x += tokens.length;
      y += chunks.length * this.slotsPerToken;
      state.append(
        sourceState.subarray(fromToken * sourceStateWidth, x * sourceStateWidth),
        slotState.subarray(fromSlot * slotStateWidth, y * slotStateWidth),
      );
      return {
        slotIds: Array.from(slotIds.subarray(fromSlot, y)),
        // here and not in the graph, where a logarithm is rounded by its place in the tensor
        slotScores: Array.from(probabilities.subarray(fromSlot, y), Math.log),
      };
    });
  }
}

/** A memory of states, and the tensor that the graph reads it as. */
class StateTensor {
  readonly memory: StateMemory;
  readonly #session: GraphSession;
  readonly #groupWidth: number;
  #tensor: Tensor | undefined;
  #over: Float32Array | undefined;

  constructor(session: GraphSession, width: number, groupWidth: number) {
    this.memory = new StateMemory(width);
    this.#session = session;
    this.#groupWidth = groupWidth;
  }

  /** A new one only when the memory has grown. */
  tensor(): Tensor {
    const { floats } = this.memory;
    if (this.#tensor === undefined || this.#over !== floats) {
      const dims = [floats.length / this.#groupWidth, this.#groupWidth];
      this.#tensor = this.#session.tensor("float32", floats, dims);
      this.#over = floats;
    }
    return this.#tensor;
  }
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

function withRemedy(error: BundleError): BundleError {
  if (error.code !== "signature") return error;
  const remedy =
    "the bundle is of another version: souffleur export-step --bundle FOLDER --in-place writes its graph anew";
  return new BundleError("signature", `${error.message}; ${remedy}`);
}
