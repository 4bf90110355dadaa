// Runs step.onnx for a batch of segments and appends what it gives to their states.
import type { InferenceSession } from "onnxruntime-common";
import { BundleError } from "./bundle-error.ts";
import { CtcDecoder } from "./ctc-decoder.ts";
import { type GraphOutputs, GraphSession, type OnnxRuntime } from "./graph-session.ts";
import type { BundleManifest } from "./manifest.ts";
import type { StepResult } from "./segment-decoder.ts";
import { SegmentState, type StateShape } from "./segment-state.ts";
import { StepBatch, type StepRow, type StepSizes } from "./step-batch.ts";
import { refuseSharedStates, type StepRunner } from "./step-runner.ts";
import { stepSignature } from "./step-signature.ts";
import type { Wait } from "./wait.ts";

/** A CTC student's step graph in a runtime session. */
export class StepModel implements StepRunner {
  readonly slotsPerToken: number;
  readonly maxSourceTokens: number;
  readonly #session: GraphSession;
  readonly #shape: StateShape;
  readonly #batch: StepBatch;
  /** Steps run one after the other: they share the scratch memory. */
  #last: Promise<unknown> = Promise.resolve();

  private constructor(session: GraphSession, shape: StateShape) {
    this.slotsPerToken = shape.slotsPerToken;
    this.maxSourceTokens = shape.maxSourceTokens;
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
    const name = { file: "step.onnx", bundle: manifest.name };
    const session = await GraphSession.open(ort, model, stepSignature(step), name, options);
    return new StepModel(session, {
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
    return this.#accept(rows, sizes, await this.#session.run(this.#batch.inputs(rows, sizes)));
  }

  #check(rows: readonly StepRow[]): void {
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
  #accept(rows: readonly StepRow[], sizes: StepSizes, outputs: GraphOutputs): StepResult[] {
    const { rows: B, tokens: N } = sizes;
    const T = sizes.chunks * this.slotsPerToken;
    const { sourceStateWidth, slotStateWidth } = this.#shape;
    const slotIds = outputs.data("slot_ids", "int64", [B, T]);
    const slotScores = outputs.data("slot_scores", "float32", [B, T]);
    const sourceState = outputs.data("new_source_state", "float32", [B, N, sourceStateWidth]);
    const slotState = outputs.data("new_slot_state", "float32", [B, T, slotStateWidth]);
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
