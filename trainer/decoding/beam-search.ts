// Batched beam search over any autoregressive scorer, with Wu et al.'s length penalty (2016, eq. 14).
import type * as Ort from "onnxruntime-common";
import type { Weights } from "../networks/parameters.ts";
import type { Architecture } from "../networks/transformer.ts";
import { type AutoregressiveScorer, type Candidates, candidateId, longestHypothesis } from "./scorer.ts";
import { TransformerScorer } from "./transformer-scorer.ts";

export interface BeamSearchSettings {
  readonly beam: number;
  /** α of ((5 + length)/6)^α; 0 compares sums of log-probabilities. */
  readonly lengthPenalty: number;
  /** A hypothesis has at most this many tokens for each source token, and 10 more. */
  readonly maxLengthRatio: number;
}

export interface Hypothesis {
  /** Target ids without the end. */
  readonly ids: readonly number[];
  /** Sum of log-probabilities, the end included unless the longest length cut it. */
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
  readonly #endId: number;

  constructor(settings: BeamSearchSettings, maxLength: number, endId: number) {
    this.#settings = settings;
    this.#maxLength = maxLength;
    this.#endId = endId;
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
      if (id === this.#endId) {
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
  readonly #scorer: AutoregressiveScorer;
  readonly #settings: BeamSearchSettings;

  /** @param scorer gives each row `candidatesOf(settings.beam)` ids; it is released with the search. */
  constructor(scorer: AutoregressiveScorer, settings: BeamSearchSettings) {
    this.#scorer = scorer;
    this.#settings = settings;
  }

  /** A search over our own Transformer. */
  static async create(
    ort: typeof Ort,
    architecture: Architecture,
    weights: Weights,
    settings: BeamSearchSettings,
    threads = 1,
  ): Promise<BeamSearch> {
    const candidates = candidatesOf(settings.beam);
    return new BeamSearch(
      await TransformerScorer.create(ort, architecture, weights, { candidates, threads }),
      settings,
    );
  }

  dispose(): Promise<void> {
    return this.#scorer.release();
  }

  /**
   * Translates one batch; sentences of like length cost least.
   * @param sources ids without their end.
   * @returns for each source its hypotheses, best first (at most `beam`).
   */
  async search(sources: readonly (readonly number[])[]): Promise<Hypothesis[][]> {
    if (sources.length === 0) return [];
    const { beam, maxLengthRatio } = this.#settings;
    const searches = sources.map((source) => {
      const longest = longestHypothesis(this.#scorer, source.length + 1, maxLengthRatio);
      return new SentenceSearch(this.#settings, longest, this.#scorer.endId);
    });
    const decoding = await this.#scorer.open(sources, beam);
    let active = searches.map((_, index) => index); // the sentences of the batch, in the order of its rows
    let keep = active.slice();
    let order = Array.from({ length: sources.length * beam }, (_, row) => row);
    while (active.length > 0) {
      const tokens = active.flatMap((sentence) => lastTokens(searches[sentence]!.beams, beam, this.#scorer.endId));
      const found = await decoding.next({ tokens, order, keep });
      order = [];
      keep = [];
      const still: number[] = [];
      for (const [place, sentence] of active.entries()) {
        const search = searches[sentence]!;
        const parents = search.advance((from) => candidatesOfRow(found, place * beam + from));
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
}

/** Enough candidates of each row for a full beam even if half of it ends. */
export const candidatesOf = (beam: number): number => 2 * beam;

function lastTokens(beams: readonly Beam[], width: number, first: number): number[] {
  return Array.from({ length: width }, (_, row) => (beams[row] ?? beams[0]!).ids.at(-1) ?? first);
}

function candidatesOfRow(found: Candidates, row: number): { id: number; score: number }[] {
  return Array.from({ length: found.count }, (_, rank) => ({
    id: candidateId(found, row, rank),
    score: found.logProbabilities[row * found.count + rank]!,
  }));
}

/**
 * Translates any number of sentences in batches of like length.
 * @param onBatch hears how many are done.
 * @returns hypotheses in the order of `sources`.
 */
export function translateAll(
  search: BeamSearch,
  sources: readonly (readonly number[])[],
  batchTokens: number,
  onBatch?: (done: number) => void,
): Promise<Hypothesis[][]> {
  return inBatches(sources, batchTokens, (batch) => search.search(batch), onBatch);
}

/**
 * Decodes any number of sentences in batches of like length.
 * @param decode gets a batch and the places of its sentences in `sources`.
 * @returns what it gave, in the order of `sources`.
 */
export async function inBatches<T>(
  sources: readonly (readonly number[])[],
  batchTokens: number,
  decode: (batch: readonly (readonly number[])[], places: readonly number[]) => Promise<readonly T[]>,
  onBatch: (done: number) => void = () => {},
): Promise<T[]> {
  const byLength = sources.map((_, index) => index).sort((a, b) => sources[b]!.length - sources[a]!.length);
  const results = new Array<T>(sources.length);
  for (let start = 0; start < byLength.length; ) {
    const rows = Math.max(1, Math.floor(batchTokens / (sources[byLength[start]!]!.length + 1)));
    const places = byLength.slice(start, start + rows);
    const found = await decode(
      places.map((index) => sources[index]!),
      places,
    );
    for (const [at, index] of places.entries()) results[index] = found[at]!;
    start += rows;
    onBatch(Math.min(start, byLength.length));
  }
  return results;
}
