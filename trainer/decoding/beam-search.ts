// Batched beam search over the teacher's cached decoder, with Wu et al.'s length penalty (2016, eq. 14).
import type * as Ort from "onnxruntime-common";
import { BOS_ID, EOS_ID, PAD_ID } from "../../models/vocabulary.ts";
import type { Weights } from "../networks/parameters.ts";
import type { Architecture } from "../networks/transformer.ts";
import { decoderStepModel, encoderModel, nextName, selfName, writableIds } from "./decoder-graphs.ts";

export interface BeamSearchSettings {
  readonly beam: number;
  /** α of ((5 + length)/6)^α; 0 compares sums of log-probabilities. */
  readonly lengthPenalty: number;
  /** A hypothesis has at most this many tokens for each source token, and 10 more. */
  readonly maxLengthRatio: number;
}

export interface Hypothesis {
  /** Target ids without `</s>`. */
  readonly ids: readonly number[];
  /** Sum of log-probabilities, `</s>` included unless the longest length cut it. */
  readonly logProbability: number;
  /** After the length penalty; hypotheses are sorted by it, best first. */
  readonly score: number;
}

interface Beam {
  readonly ids: readonly number[];
  readonly logProbability: number;
}

/** One sentence's search, without the model: candidates in, the rows to go on with out. */
class SentenceSearch {
  readonly finished: Hypothesis[] = [];
  beams: Beam[] = [{ ids: [], logProbability: 0 }];
  readonly #settings: BeamSearchSettings;
  readonly #maxLength: number;

  constructor(settings: BeamSearchSettings, maxLength: number) {
    this.#settings = settings;
    this.#maxLength = maxLength;
  }

  get done(): boolean {
    return this.finished.length >= this.#settings.beam || this.beams.length === 0;
  }

  /** @returns for every new beam the old beam that it goes on from. */
  advance(candidatesOf: (beam: number) => { id: number; score: number }[]): number[] {
    const { beam: width } = this.#settings;
    const all = this.beams.flatMap((beam, from) =>
      candidatesOf(from).map(({ id, score }) => ({ from, id, logProbability: beam.logProbability + score })),
    );
    all.sort((a, b) => b.logProbability - a.logProbability);
    const parents: number[] = [];
    const next: Beam[] = [];
    for (const [rank, { from, id, logProbability }] of all.entries()) {
      if (next.length === width) break;
      const ids = this.beams[from]!.ids;
      if (id === EOS_ID) {
        if (rank < width) this.#finish({ ids, logProbability });
      } else {
        next.push({ ids: [...ids, id], logProbability });
        parents.push(from);
      }
    }
    this.beams = next;
    if ((next[0]?.ids.length ?? 0) >= this.#maxLength) {
      // One that is cut has paid for no end: beside those that have ended it would score too well.
      if (this.finished.length === 0) for (const beam of next) this.#finish(beam);
      this.beams = [];
      return [];
    }
    return parents;
  }

  best(): Hypothesis[] {
    return this.finished.sort((a, b) => b.score - a.score).slice(0, this.#settings.beam);
  }

  #finish({ ids, logProbability }: Beam): void {
    const penalty = ((5 + ids.length + 1) / 6) ** this.#settings.lengthPenalty;
    this.finished.push({ ids, logProbability, score: logProbability / penalty });
  }
}

export class BeamSearch {
  readonly #ort: typeof Ort;
  readonly #encoder: Ort.InferenceSession;
  readonly #decoder: Ort.InferenceSession;
  readonly #architecture: Architecture;
  readonly #settings: BeamSearchSettings;
  /** What the decoder gives for each row: enough for a full beam even if half of it ends. */
  readonly #candidates: number;

  private constructor(
    ort: typeof Ort,
    encoder: Ort.InferenceSession,
    decoder: Ort.InferenceSession,
    architecture: Architecture,
    settings: BeamSearchSettings,
    candidates: number,
  ) {
    this.#ort = ort;
    this.#encoder = encoder;
    this.#decoder = decoder;
    this.#architecture = architecture;
    this.#settings = settings;
    this.#candidates = candidates;
  }

  static async create(
    ort: typeof Ort,
    architecture: Architecture,
    weights: Weights,
    settings: BeamSearchSettings,
    threads = 1,
  ): Promise<BeamSearch> {
    const options: Ort.InferenceSession.SessionOptions = {
      intraOpNumThreads: threads,
      enableMemPattern: false,
      logSeverityLevel: 3,
    };
    const encoder = await ort.InferenceSession.create(encoderModel(architecture, weights), options);
    const candidates = Math.min(2 * settings.beam, writableIds(architecture.vocabulary));
    const step = decoderStepModel(architecture, weights, candidates);
    const decoder = await ort.InferenceSession.create(step, options);
    return new BeamSearch(ort, encoder, decoder, architecture, settings, candidates);
  }

  async dispose(): Promise<void> {
    await this.#encoder.release();
    await this.#decoder.release();
  }

  /**
   * Translates one batch; sentences of like length cost least.
   * @param sources ids without `</s>`.
   * @returns for each source its hypotheses, best first (at most `beam`).
   */
  async search(sources: readonly (readonly number[])[]): Promise<Hypothesis[][]> {
    if (sources.length === 0) return [];
    const { beam, maxLengthRatio } = this.#settings;
    const limit = (length: number) =>
      Math.min(this.#architecture.maxPositions - 1, Math.ceil(length * maxLengthRatio) + 10);
    const searches = sources.map((source) => new SentenceSearch(this.#settings, limit(source.length + 1)));
    let memory = await this.#encode(sources);
    let active = searches.map((_, index) => index); // the sentences of the batch, in the order of its rows
    let keep = active.slice();
    let order = new Array<number>(sources.length * beam).fill(0).map((_, row) => row);
    for (let position = 0; active.length > 0; position += 1) {
      const tokens = active.flatMap((sentence) => paddedBeams(searches[sentence]!.beams, beam));
      const result = await this.#step(memory, { tokens, position, order, keep });
      const { scores, ids } = result;
      memory = result.memory;
      order = [];
      keep = [];
      const still: number[] = [];
      for (const [place, sentence] of active.entries()) {
        const search = searches[sentence]!;
        const parents = search.advance((from) => candidates(ids, scores, place * beam + from, this.#candidates));
        if (search.done) continue;
        keep.push(place);
        still.push(sentence);
        // Rows beyond the live beams repeat the first one; their candidates are never read.
        for (let row = 0; row < beam; row += 1) order.push(place * beam + (parents[row] ?? parents[0]!));
      }
      active = still;
    }
    return searches.map((search) => search.best());
  }

  async #encode(sources: readonly (readonly number[])[]): Promise<Record<string, Ort.Tensor>> {
    const rows = sources.length;
    const length = Math.max(...sources.map((source) => source.length)) + 1;
    const ids = new BigInt64Array(rows * length).fill(BigInt(PAD_ID));
    for (const [row, source] of sources.entries()) {
      ids.set(BigInt64Array.from([...source, EOS_ID], BigInt), row * length);
    }
    const lengths = BigInt64Array.from(sources, (source) => BigInt(source.length + 1));
    const memory: Record<string, Ort.Tensor> = await this.#encoder.run({
      source: new this.#ort.Tensor("int64", ids, [rows, length]),
      source_lengths: new this.#ort.Tensor("int64", lengths, [rows]),
    });
    const { heads, width, decoderLayers } = this.#architecture;
    const dims = [rows * this.#settings.beam, heads, 0, width / heads];
    for (let layer = 0; layer < decoderLayers; layer += 1) {
      for (const part of ["key", "value"] as const) {
        memory[selfName(layer, part)] = new this.#ort.Tensor("float32", new Float32Array(0), dims);
      }
    }
    return memory;
  }

  async #step(
    memory: Record<string, Ort.Tensor>,
    rows: { tokens: number[]; position: number; order: number[]; keep: number[] },
  ): Promise<{ scores: Float32Array; ids: BigInt64Array; memory: Record<string, Ort.Tensor> }> {
    const ints = (values: number[]) =>
      new this.#ort.Tensor("int64", BigInt64Array.from(values, BigInt), [values.length]);
    const results = await this.#decoder.run({
      ...memory,
      tokens: ints(rows.tokens),
      position: ints([rows.position]),
      order: ints(rows.order),
      keep: ints(rows.keep),
      beams: ints([this.#settings.beam]),
    });
    const next: Record<string, Ort.Tensor> = {};
    for (const name of Object.keys(memory)) next[name] = results[nextName(name)]!;
    const scores = results.scores?.data;
    const ids = results.ids?.data;
    if (!(scores instanceof Float32Array) || !(ids instanceof BigInt64Array))
      throw new Error("the decoder step gave no candidates");
    return { scores, ids, memory: next };
  }
}

function paddedBeams(beams: readonly Beam[], width: number): number[] {
  return Array.from({ length: width }, (_, row) => (beams[row] ?? beams[0]!).ids.at(-1) ?? BOS_ID);
}

function candidates(
  ids: BigInt64Array,
  scores: Float32Array,
  row: number,
  count: number,
): { id: number; score: number }[] {
  return Array.from({ length: count }, (_, rank) => ({
    id: Number(ids[row * count + rank]),
    score: scores[row * count + rank]!,
  }));
}

/**
 * Translates any number of sentences in batches of like length.
 * @param onBatch hears how many are done.
 * @returns hypotheses in the order of `sources`.
 */
export async function translateAll(
  search: BeamSearch,
  sources: readonly (readonly number[])[],
  batchTokens: number,
  onBatch: (done: number) => void = () => {},
): Promise<Hypothesis[][]> {
  const byLength = sources.map((_, index) => index).sort((a, b) => sources[b]!.length - sources[a]!.length);
  const results = new Array<Hypothesis[]>(sources.length);
  for (let start = 0; start < byLength.length; ) {
    const rows = Math.max(1, Math.floor(batchTokens / (sources[byLength[start]!]!.length + 1)));
    const batch = byLength.slice(start, start + rows);
    const found = await search.search(batch.map((index) => sources[index]!));
    for (const [place, index] of batch.entries()) results[index] = found[place]!;
    start += rows;
    onBatch(Math.min(start, byLength.length));
  }
  return results;
}
