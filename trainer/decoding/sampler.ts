// Ancestral sampling: each token is drawn from the model's distribution after what was drawn before it.
import type { Random } from "../random.ts";
import type { Hypothesis } from "./beam-search.ts";
import { type AutoregressiveScorer, type Candidates, candidateId, longestHypothesis } from "./scorer.ts";

export interface SamplingSettings {
  /** Log-probabilities are divided by it before they are drawn from: below 1 the likely gets likelier. */
  readonly temperature: number;
  /** Only the k likeliest ids are drawn from (Fan et al. 2018, section 5.1); 0 is all. */
  readonly topK: number;
  /** A hypothesis has at most this many tokens for each source token, and 10 more. */
  readonly maxLengthRatio: number;
}

export class Sampler {
  readonly #scorer: AutoregressiveScorer;
  readonly #settings: SamplingSettings;

  /** @param scorer gives each row `topK` candidates, or every id for 0; it is released with the sampler. */
  constructor(scorer: AutoregressiveScorer, settings: SamplingSettings) {
    this.#scorer = scorer;
    this.#settings = settings;
  }

  dispose(): Promise<void> {
    return this.#scorer.release();
  }

  /**
   * Draws one hypothesis for each source.
   * @param randoms one a source, so that what is drawn for a sentence does not depend on its batch.
   * @returns hypotheses whose log-probability and score are those of the model at temperature 1.
   */
  async sample(sources: readonly (readonly number[])[], randoms: readonly Random[]): Promise<Hypothesis[]> {
    if (sources.length === 0) return [];
    const { endId } = this.#scorer;
    const written = sources.map((source) => ({
      ids: [] as number[],
      logProbability: 0,
      longest: longestHypothesis(this.#scorer, source.length + 1, this.#settings.maxLengthRatio),
    }));
    const decoding = await this.#scorer.open(sources, 1);
    let active = sources.map((_, index) => index); // the sentences of the batch, in the order of its rows
    let keep = active;
    while (active.length > 0) {
      const tokens = active.map((sentence) => written[sentence]!.ids.at(-1) ?? endId);
      const found = await decoding.next({ tokens, order: keep, keep });
      keep = [];
      const still: number[] = [];
      for (const [row, sentence] of active.entries()) {
        const hypothesis = written[sentence]!;
        const place = this.#draw(found, row, randoms[sentence]!.uniform());
        const id = candidateId(found, row, place);
        hypothesis.logProbability += found.logProbabilities[row * found.count + place]!;
        if (id === endId) continue;
        hypothesis.ids.push(id);
        if (hypothesis.ids.length >= hypothesis.longest) continue;
        keep.push(row);
        still.push(sentence);
      }
      active = still;
    }
    return written.map(({ ids, logProbability }) => ({ ids, logProbability, score: logProbability }));
  }

  /** The place of the candidate in whose share of [0, 1) the number lies. */
  #draw({ count, logProbabilities }: Candidates, row: number, uniform: number): number {
    const { temperature } = this.#settings;
    const scores = logProbabilities.subarray(row * count, (row + 1) * count);
    let highest = Number.NEGATIVE_INFINITY;
    for (const score of scores) if (score > highest) highest = score;
    let sum = 0;
    for (const score of scores) sum += Math.exp((score - highest) / temperature);
    let left = uniform * sum;
    let place = 0;
    for (const [at, score] of scores.entries()) {
      const share = Math.exp((score - highest) / temperature);
      if (share === 0) continue; // an id that is never written
      place = at;
      left -= share;
      if (left < 0) break;
    }
    return place;
  }
}
