// Runs an autoregressive student's read and write graphs for a batch of segments and appends what they give to their states.
import type { InferenceSession } from "onnxruntime-common";
import { BundleError } from "./bundle-error.ts";
import { GraphSession, type OnnxRuntime } from "./graph-session.ts";
import type { BundleManifest } from "./manifest.ts";
import { PaddedTensors } from "./padded-tensors.ts";
import { type ReadWriteWidths, readSignature, writeSignature } from "./read-write-signature.ts";
import type { StepResult } from "./segment-decoder.ts";
import { SegmentState, type StateShape } from "./segment-state.ts";
import { refuseSharedStates, rowsOfModel, type StepRow, type StepRunner, type StepState } from "./step-runner.ts";
import { EOS_ID } from "./vocabulary.ts";
import type { Wait } from "./wait.ts";
import { targetLimit, WaitKDecoder } from "./wait-k-decoder.ts";

/** Paths (Node) or contents of the two graphs. */
export interface ReadWriteGraphs {
  readonly read: string | Uint8Array;
  readonly write: string | Uint8Array;
}

type OwnRow = StepRow<SegmentState>;
const isOwn = (state: StepState): state is SegmentState => state instanceof SegmentState;

const NOTHING = new Float32Array(0);

/**
 * A step reads what is new of the rows that have it, then writes one token of the rows that ask for it, each graph over
 * its own rows only: to write at the end of a segment costs no encoder.
 */
export class WaitKModel implements StepRunner {
  readonly maxSourceTokens: number;
  readonly #read: GraphSession;
  readonly #write: GraphSession;
  readonly #widths: ReadWriteWidths;
  readonly #shape: StateShape;
  readonly #tensors = new PaddedTensors();
  /** Steps run one after the other: they share the scratch memory. */
  #last: Promise<unknown> = Promise.resolve();

  private constructor(read: GraphSession, write: GraphSession, widths: ReadWriteWidths, maxSourceTokens: number) {
    this.maxSourceTokens = maxSourceTokens;
    this.#read = read;
    this.#write = write;
    this.#widths = widths;
    this.#shape = {
      sourceStateWidth: widths.encoderStateWidth,
      crossStateWidth: widths.crossStateWidth,
      slotStateWidth: widths.targetStateWidth,
      slotsPerToken: 1,
      maxSourceTokens,
      maxChunks: targetLimit(maxSourceTokens),
    };
  }

  /**
   * Loads the graphs and checks their inputs and outputs.
   * @throws BundleError `kind` for a bundle of another kind, `signature` when a tensor is missing or of another type or
   * shape.
   */
  static async create(
    ort: OnnxRuntime,
    graphs: ReadWriteGraphs,
    manifest: Pick<BundleManifest, "name" | "readWrite" | "limits">,
    options?: InferenceSession.SessionOptions,
  ): Promise<WaitKModel> {
    const { name: bundle, readWrite, limits } = manifest;
    if (readWrite === undefined) {
      throw new BundleError("kind", `bundle "${bundle}" is no autoregressive student: it has no read and write graphs`);
    }
    const open = (model: string | Uint8Array, signature: ReturnType<typeof readSignature>, file: string) =>
      GraphSession.open(ort, model, signature, { file, bundle }, options);
    const read = await open(graphs.read, readSignature(readWrite), "read.onnx");
    try {
      const write = await open(graphs.write, writeSignature(readWrite), "write.onnx");
      return new WaitKModel(read, write, readWrite, limits.maxSourceTokens);
    } catch (error) {
      await read.release();
      throw error;
    }
  }

  /** Bytes of scratch memory held between steps. */
  get scratchBytes(): number {
    return this.#tensors.bytes;
  }

  newDecoder(wait: Wait): WaitKDecoder {
    return new WaitKDecoder({ wait, maxSourceTokens: this.maxSourceTokens });
  }

  newState(): SegmentState {
    return new SegmentState(this.#shape);
  }

  /**
   * One step for all rows at once. Calls wait for each other.
   * @throws RangeError when a row exceeds a limit, asks for more than one token or shares a state; no state has changed
   * then.
   */
  run(rows: readonly StepRow[]): Promise<StepResult[]> {
    const step = this.#last.then(() => this.#step(rowsOfModel(rows, isOwn)));
    this.#last = step.catch(() => undefined);
    return step;
  }

  /** Frees the runtime's sessions, after the steps under way. */
  async release(): Promise<void> {
    await this.#last;
    await this.#read.release();
    await this.#write.release();
  }

  async #step(rows: readonly OwnRow[]): Promise<StepResult[]> {
    this.#check(rows);
    const readers = rows.filter(({ tokens }) => tokens.length > 0);
    const writers = rows.filter(({ chunks }) => chunks.length > 0);
    if (readers.length > 0) await this.#readTokens(readers);
    const written = new Map(writers.length > 0 ? await this.#writeTokens(writers) : []);
    return rows.map((row) => written.get(row) ?? { slotIds: [], slotScores: [] });
  }

  #check(rows: readonly OwnRow[]): void {
    refuseSharedStates(rows);
    for (const [b, { state, tokens, chunks }] of rows.entries()) {
      const positions = state.sourceLength + tokens.length;
      if (positions > this.maxSourceTokens) {
        throw new RangeError(`row ${b}: ${positions} source positions, the limit is ${this.maxSourceTokens}`);
      }
      const limit = targetLimit(this.maxSourceTokens);
      if (chunks.length > 1)
        throw new RangeError(`row ${b}: ${chunks.length} target tokens in one step, the most is 1`);
      if (state.chunkLength + chunks.length > limit) {
        throw new RangeError(`row ${b}: ${state.chunkLength + chunks.length} target tokens, the limit is ${limit}`);
      }
      if (chunks.length > 0 && positions === 0) throw new RangeError(`row ${b}: a target token for no source`);
    }
  }

  async #readTokens(rows: readonly OwnRow[]): Promise<void> {
    const { encoderStateWidth: E, crossStateWidth: C } = this.#widths;
    const B = rows.length;
    const N = Math.max(...rows.map(({ tokens }) => tokens.length));
    const P = Math.max(...rows.map(({ state }) => state.sourceLength));
    const tensors = this.#tensors;
    const outputs = await this.#read.run({
      tokens: tensors.ids(
        "tokens",
        rows.map(({ tokens }) => tokens),
        N,
      ), // [B, N]
      source_lengths: tensors.counts(
        "source_lengths",
        rows.map(({ state }) => state.sourceLength),
      ), // [B]
      encoder_state: tensors.states(
        "encoder_state",
        rows.map(({ state }) => state.sourceState),
        P,
        E,
      ), // [B, P, E]
    });
    const encoder = outputs.data("new_encoder_state", "float32", [B, N, E]);
    const cross = outputs.data("new_cross_state", "float32", [B, N, C]);
    const rowsOf = (data: Float32Array, width: number, b: number, count: number) =>
      data.subarray(b * N * width, (b * N + count) * width);
    for (const [b, { state, tokens }] of rows.entries()) {
      state.append(rowsOf(encoder, E, b, tokens.length), NOTHING, rowsOf(cross, C, b, tokens.length));
    }
  }

  async #writeTokens(rows: readonly OwnRow[]): Promise<[OwnRow, StepResult][]> {
    const { crossStateWidth: C, targetStateWidth: T } = this.#widths;
    const B = rows.length;
    const P = Math.max(...rows.map(({ state }) => state.sourceLength));
    const Q = Math.max(...rows.map(({ state }) => state.chunkLength));
    const visible = ({ state, wait }: OwnRow) => Math.min(state.chunkLength + wait, state.sourceLength);
    const tensors = this.#tensors;
    const outputs = await this.#write.run({
      target_tokens: tensors.ids(
        "target_tokens",
        rows.map(({ chunks }) => chunks),
        1,
      ), // [B, 1]
      target_lengths: tensors.counts(
        "target_lengths",
        rows.map(({ state }) => state.chunkLength),
      ), // [B]
      visible_lengths: tensors.counts("visible_lengths", rows.map(visible)), // [B]
      cross_state: tensors.states(
        "cross_state",
        rows.map(({ state }) => state.crossState),
        P,
        C,
      ), // [B, P, C]
      target_state: tensors.states(
        "target_state",
        rows.map(({ state }) => state.slotState),
        Q,
        T,
      ), // [B, Q, T]
    });
    const ids = outputs.data("target_ids", "int64", [B, 1]);
    const scores = outputs.data("target_scores", "float32", [B, 1]);
    const target = outputs.data("new_target_state", "float32", [B, 1, T]);
    return rows.map((row, b) => {
      const id = Number(ids[b]);
      // An end is written nowhere: it is the segment's last word, or came too early and the token is asked for again.
      if (id !== EOS_ID) row.state.append(NOTHING, target.subarray(b * T, (b + 1) * T));
      return [row, { slotIds: [id], slotScores: [scores[b]] }];
    });
  }
}
