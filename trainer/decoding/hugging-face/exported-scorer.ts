// A model in the Hugging Face layout as a scorer: its encoder, then its merged decoder with past keys and values.
import * as ort from "onnxruntime-node";
import type { AutoregressiveScorer, Candidates, Decoding, StepRows } from "../scorer.ts";
import { HuggingFaceError } from "./hugging-face-error.ts";
import type { LanguageIds } from "./languages.ts";
import { likeliest } from "./likeliest.ts";
import type { ModelFolder } from "./model-folder.ts";

// B sentences, K beams each, R = B·K rows, S source positions, T positions of a step, P positions before it, H heads,
// dh head width, V vocabulary.

/** One graph for the first step and the others: this input says which. */
const BRANCH = "use_cache_branch";
const PARTS = ["key", "value"] as const;
type Tensors = Record<string, ort.Tensor>;

const pastName = (layer: number, side: "decoder" | "encoder", part: string) =>
  `past_key_values.${layer}.${side}.${part}`;
const presentName = (past: string) => past.replace("past_key_values", "present");

export interface ExportedScorerOptions {
  /** How many ids each row is given, best first; "all" gives every id's log-probability. */
  readonly candidates: number | "all";
  readonly threads?: number;
}

export class ExportedScorer implements AutoregressiveScorer {
  readonly endId: number;
  readonly longest: number;
  readonly #folder: ModelFolder;
  readonly #languages: LanguageIds;
  readonly #encoder: ort.InferenceSession;
  readonly #decoder: ort.InferenceSession;
  readonly #candidates: number | "all";
  /** The start and what is forced behind it. */
  readonly #begin: readonly number[];
  readonly #pastNames: Record<"decoder" | "encoder", readonly string[]>;

  private constructor(
    folder: ModelFolder,
    languages: LanguageIds,
    encoder: ort.InferenceSession,
    decoder: ort.InferenceSession,
    candidates: number | "all",
  ) {
    this.#folder = folder;
    this.#languages = languages;
    this.#encoder = encoder;
    this.#decoder = decoder;
    this.#candidates = candidates;
    this.#begin = [folder.startId, ...(languages.forcedFirst === undefined ? [] : [languages.forcedFirst])];
    this.#pastNames = { decoder: pastNames(folder, "decoder"), encoder: pastNames(folder, "encoder") };
    this.endId = folder.endId;
    this.longest = folder.maxLength - this.#begin.length;
  }

  /** @throws HuggingFaceError where a graph cannot be loaded or has other inputs and outputs than the layout's. */
  static async create(
    folder: ModelFolder,
    languages: LanguageIds,
    { candidates, threads = 1 }: ExportedScorerOptions,
  ): Promise<ExportedScorer> {
    const options = { intraOpNumThreads: threads, enableMemPattern: false, logSeverityLevel: 3 as const };
    const load = async (path: string) => {
      try {
        return await ort.InferenceSession.create(path, options);
      } catch (error) {
        throw new HuggingFaceError(`${path}: ${error instanceof Error ? error.message : error}`);
      }
    };
    const encoder = await load(folder.encoderPath);
    checkNames(folder.encoderPath, encoder, ["input_ids", "attention_mask"], ["last_hidden_state"]);
    const decoder = await load(folder.decoderPath);
    const past = [...pastNames(folder, "decoder"), ...pastNames(folder, "encoder")];
    const inputs = ["input_ids", "encoder_hidden_states", "encoder_attention_mask", BRANCH, ...past];
    checkNames(folder.decoderPath, decoder, inputs, ["logits", ...past.map(presentName)]);
    return new ExportedScorer(folder, languages, encoder, decoder, candidates);
  }

  async release(): Promise<void> {
    await this.#encoder.release();
    await this.#decoder.release();
  }

  async open(sources: readonly (readonly number[])[], rowsPerSentence: number): Promise<Decoding> {
    let memory = repeatRows(await this.#encode(sources), rowsPerSentence);
    let past: Tensors | undefined;
    return {
      next: async ({ tokens, order, keep }: StepRows) => {
        const R = tokens.length;
        if (past) {
          const rows = rowsOf(keep, rowsPerSentence);
          memory = gatherAll(memory, rows);
          const own = gatherAll(pick(past, this.#pastNames.decoder), order);
          past = { ...own, ...gatherAll(pick(past, this.#pastNames.encoder), rows) };
        }
        const ids = past ? tokens : Array.from({ length: R }, () => this.#begin).flat();
        const result = await this.#decoder.run({
          ...memory,
          ...(past ?? this.#noPast(R)),
          input_ids: int64(ids, [R, ids.length / R]),
          [BRANCH]: new ort.Tensor("bool", Uint8Array.of(Number(past !== undefined)), [1]),
        });
        past = this.#pastOf(result, past);
        return this.#candidatesOf(result);
      },
    };
  }

  /** Encoder states and mask as the decoder takes them: `[B, S, D]`, `[B, S]`. */
  async #encode(sources: readonly (readonly number[])[]): Promise<Tensors> {
    const { sourcePrefix, sourceSuffix } = this.#languages;
    const rows = sources.map((source) => [...sourcePrefix, ...source, ...sourceSuffix]);
    const [B, S] = [rows.length, Math.max(...rows.map(({ length }) => length))];
    const ids = rows.flatMap((row) => [...row, ...new Array<number>(S - row.length).fill(this.#folder.padId)]);
    const mask = rows.flatMap((row) => Array.from({ length: S }, (_, place) => Number(place < row.length)));
    const attention = int64(mask, [B, S]);
    const { last_hidden_state } = await this.#encoder.run({ input_ids: int64(ids, [B, S]), attention_mask: attention });
    return { encoder_hidden_states: last_hidden_state!, encoder_attention_mask: attention };
  }

  /** The first step's past, which its branch does not read; one position, as onnxruntime wants no empty input. */
  #noPast(R: number): Tensors {
    const { heads, headWidth } = this.#folder;
    const nothing = new ort.Tensor("float32", new Float32Array(R * heads * headWidth), [R, heads, 1, headWidth]);
    const names = [...this.#pastNames.decoder, ...this.#pastNames.encoder];
    return Object.fromEntries(names.map((name) => [name, nothing]));
  }

  /** The encoder's keys and values are those of the first step: later ones give dummies in their place. */
  #pastOf(result: ort.InferenceSession.ReturnType, before: Tensors | undefined): Tensors {
    const fresh = (names: readonly string[]) => names.map((name) => [name, result[presentName(name)]!] as const);
    const encoder = before ? Object.entries(pick(before, this.#pastNames.encoder)) : fresh(this.#pastNames.encoder);
    return Object.fromEntries([...fresh(this.#pastNames.decoder), ...encoder]);
  }

  #candidatesOf({ logits }: ort.InferenceSession.ReturnType): Candidates {
    const [rows = 0, length = 0, vocabulary = 0] = logits!.dims;
    return likeliest({ data: floats(logits!), rows, length, vocabulary }, this.#folder.forbiddenIds, this.#candidates);
  }
}

function pastNames({ decoderLayers }: ModelFolder, side: "decoder" | "encoder"): string[] {
  return Array.from({ length: decoderLayers }, (_, layer) => PARTS.map((part) => pastName(layer, side, part))).flat();
}

/** @throws HuggingFaceError naming an input or output that is missing or not known, or not in float32. */
function checkNames(
  path: string,
  session: ort.InferenceSession,
  inputs: readonly string[],
  outputs: readonly string[],
): void {
  const missing = [
    ...inputs.filter((name) => !session.inputNames.includes(name)).map((name) => `no input ${name}`),
    ...outputs.filter((name) => !session.outputNames.includes(name)).map((name) => `no output ${name}`),
  ];
  const more = session.inputNames.filter((name) => !inputs.includes(name)).map((name) => `an input ${name}`);
  if (missing.length + more.length > 0) {
    const found = [...(missing.length > 0 ? missing : more)].slice(0, 3).join(", ");
    throw new HuggingFaceError(
      `${path} has ${found}: export it with --task text2text-generation-with-past, as one decoder for both branches`,
    );
  }
  const half = session.inputMetadata.find((input) => input.isTensor && input.type === "float16");
  if (half)
    throw new HuggingFaceError(`${path}: input ${half.name} is float16: export the model in float32 (--dtype fp32)`);
}

function int64(values: readonly number[], dims: readonly number[]): ort.Tensor {
  return new ort.Tensor("int64", BigInt64Array.from(values, BigInt), dims);
}

function floats(tensor: ort.Tensor): Float32Array {
  if (!(tensor.data instanceof Float32Array)) throw new HuggingFaceError(`a ${tensor.type} where float32 was expected`);
  return tensor.data;
}

const pick = (tensors: Tensors, names: readonly string[]): Tensors =>
  Object.fromEntries(names.map((name) => [name, tensors[name]!]));

/** The rows of these sentences. */
const rowsOf = (sentences: readonly number[], each: number): number[] =>
  sentences.flatMap((sentence) => Array.from({ length: each }, (_, row) => sentence * each + row));

/** Every row `times` times, one after another. */
function repeatRows(tensors: Tensors, times: number): Tensors {
  const order = (rows: number) => Array.from({ length: rows * times }, (_, row) => Math.floor(row / times));
  return Object.fromEntries(
    Object.entries(tensors).map(([name, tensor]) => [name, gatherRows(tensor, order(tensor.dims[0]!))]),
  );
}

const gatherAll = (tensors: Tensors, order: readonly number[]): Tensors =>
  Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, gatherRows(tensor, order)]));

/** Rows of the first dimension in another order; the same tensor where that changes nothing. */
function gatherRows(tensor: ort.Tensor, order: readonly number[]): ort.Tensor {
  const [rows = 0, ...inner] = tensor.dims;
  if (order.length === rows && order.every((from, row) => from === row)) return tensor;
  const size = inner.reduce((product, dim) => product * dim, 1);
  const dims = [order.length, ...inner];
  const { data } = tensor;
  if (data instanceof BigInt64Array) {
    const gathered = new BigInt64Array(order.length * size);
    for (const [row, from] of order.entries()) gathered.set(data.subarray(from * size, (from + 1) * size), row * size);
    return new ort.Tensor("int64", gathered, dims);
  }
  const values = floats(tensor);
  const gathered = new Float32Array(order.length * size);
  for (const [row, from] of order.entries()) gathered.set(values.subarray(from * size, (from + 1) * size), row * size);
  return new ort.Tensor("float32", gathered, dims);
}
