// Our Transformer as a scorer: the encoder's pass, then a decoder step with cached keys and values.
import type * as Ort from "onnxruntime-common";
import { BOS_ID, EOS_ID, PAD_ID } from "../../models/vocabulary.ts";
import type { Weights } from "../networks/parameters.ts";
import type { Architecture } from "../networks/transformer.ts";
import { decoderStepModel, encoderModel, nextName, selfName, writableIds } from "./decoder-graphs.ts";
import type { AutoregressiveScorer, Candidates, Decoding, StepRows } from "./scorer.ts";

export interface TransformerScorerOptions {
  /** How many ids each row is given, best first; "all" gives every id's log-probability, unsorted. */
  readonly candidates: number | "all";
  readonly threads?: number;
}

/** The present parameter tensors of a network in training, by name. */
export type LiveParameters = () => Readonly<Record<string, Ort.Tensor>>;

export class TransformerScorer implements AutoregressiveScorer {
  readonly endId = EOS_ID;
  readonly longest: number;
  readonly #ort: typeof Ort;
  readonly #encoder: Ort.InferenceSession;
  readonly #decoder: Ort.InferenceSession;
  readonly #architecture: Architecture;
  readonly #candidates: number;
  readonly #parameters: LiveParameters | undefined;

  private constructor(
    ort: typeof Ort,
    encoder: Ort.InferenceSession,
    decoder: Ort.InferenceSession,
    architecture: Architecture,
    candidates: number,
    parameters: LiveParameters | undefined,
  ) {
    this.#ort = ort;
    this.#encoder = encoder;
    this.#decoder = decoder;
    this.#architecture = architecture;
    this.#candidates = candidates;
    this.#parameters = parameters;
    this.longest = architecture.maxPositions - 1;
  }

  /** @param from the weights, which stay as they are; or where the present ones are, asked at every pass. */
  static async create(
    ort: typeof Ort,
    architecture: Architecture,
    from: Weights | LiveParameters,
    { candidates, threads = 1 }: TransformerScorerOptions,
  ): Promise<TransformerScorer> {
    const options: Ort.InferenceSession.SessionOptions = {
      intraOpNumThreads: threads,
      enableMemPattern: false,
      logSeverityLevel: 3,
    };
    const { vocabulary } = architecture;
    const some = candidates === "all" ? undefined : Math.min(candidates, writableIds(vocabulary));
    const live = typeof from === "function" ? from : undefined;
    const weights = typeof from === "function" ? undefined : from;
    const encoder = await ort.InferenceSession.create(encoderModel(architecture, weights), options);
    const decoder = await ort.InferenceSession.create(decoderStepModel(architecture, weights, some), options);
    return new TransformerScorer(ort, encoder, decoder, architecture, some ?? vocabulary, live);
  }

  async release(): Promise<void> {
    await this.#encoder.release();
    await this.#decoder.release();
  }

  async open(sources: readonly (readonly number[])[], rowsPerSentence: number): Promise<Decoding> {
    let memory = await this.#encode(sources, rowsPerSentence);
    let position = 0;
    return {
      next: async (rows) => {
        const tokens = position === 0 ? rows.tokens.map(() => BOS_ID) : rows.tokens;
        const result = await this.#step(memory, { ...rows, tokens }, position, rowsPerSentence);
        memory = result.memory;
        position += 1;
        return result.candidates;
      },
    };
  }

  /** The present parameters that a session has as inputs. */
  #parametersOf(session: Ort.InferenceSession): Record<string, Ort.Tensor> {
    const all = this.#parameters?.();
    if (!all) return {};
    const names = session.inputNames.filter((name) => name in all);
    return Object.fromEntries(names.map((name) => [name, all[name]!]));
  }

  async #encode(sources: readonly (readonly number[])[], beams: number): Promise<Record<string, Ort.Tensor>> {
    const rows = sources.length;
    const length = Math.max(...sources.map((source) => source.length)) + 1;
    const ids = new BigInt64Array(rows * length).fill(BigInt(PAD_ID));
    for (const [row, source] of sources.entries()) {
      ids.set(BigInt64Array.from([...source, EOS_ID], BigInt), row * length);
    }
    const lengths = BigInt64Array.from(sources, (source) => BigInt(source.length + 1));
    const memory: Record<string, Ort.Tensor> = await this.#encoder.run({
      ...this.#parametersOf(this.#encoder),
      source: new this.#ort.Tensor("int64", ids, [rows, length]),
      source_lengths: new this.#ort.Tensor("int64", lengths, [rows]),
    });
    const { heads, width, decoderLayers } = this.#architecture;
    const dims = [rows * beams, heads, 0, width / heads];
    for (let layer = 0; layer < decoderLayers; layer += 1) {
      for (const part of ["key", "value"] as const) {
        memory[selfName(layer, part)] = new this.#ort.Tensor("float32", new Float32Array(0), dims);
      }
    }
    return memory;
  }

  async #step(
    memory: Record<string, Ort.Tensor>,
    rows: StepRows,
    position: number,
    beams: number,
  ): Promise<{ candidates: Candidates; memory: Record<string, Ort.Tensor> }> {
    const ints = (values: readonly number[]) =>
      new this.#ort.Tensor("int64", BigInt64Array.from(values, BigInt), [values.length]);
    const results = await this.#decoder.run({
      ...this.#parametersOf(this.#decoder),
      ...memory,
      tokens: ints(rows.tokens),
      position: ints([position]),
      order: ints(rows.order),
      keep: ints(rows.keep),
      beams: ints([beams]),
    });
    const next: Record<string, Ort.Tensor> = {};
    for (const name of Object.keys(memory)) next[name] = results[nextName(name)]!;
    const logProbabilities = results.scores?.data;
    const ids = results.ids?.data;
    if (!(logProbabilities instanceof Float32Array) || !(ids === undefined || ids instanceof BigInt64Array))
      throw new Error("the decoder step gave no candidates");
    return { candidates: { count: this.#candidates, ids, logProbabilities }, memory: next };
  }
}
