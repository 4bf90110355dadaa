// Batches whose targets the student in training writes itself, for the teacher to label (GKD, Agarwal et al. 2024).
import * as ort from "onnxruntime-node";
import { EOS_ID, PAD_ID } from "../../models/vocabulary.ts";
import type { Batch } from "../corpus/batches.ts";
import { Sampler } from "../decoding/sampler.ts";
import { TransformerScorer } from "../decoding/transformer-scorer.ts";
import type { Architecture } from "../networks/transformer.ts";
import type { Objective } from "../objective.ts";
import { Random } from "../random.ts";
import type { Feeds } from "../training/training-step.ts";

/** A student that has not learnt to end writes this many tokens for each of the source's, and 10 more. */
const LONGEST_RATIO = 1;

/** The student's decoder beside its training step, over the parameters that the next step will read. */
export class OwnTargets {
  readonly #settings: Objective["onPolicy"];
  readonly #seed: number;
  readonly #sampler: Sampler;
  readonly #present: { parameters: Feeds };

  private constructor(settings: Objective["onPolicy"], seed: number, sampler: Sampler, present: { parameters: Feeds }) {
    this.#settings = settings;
    this.#seed = seed;
    this.#sampler = sampler;
    this.#present = present;
  }

  static async create(
    architecture: Architecture,
    settings: Objective["onPolicy"],
    { seed, threads }: { readonly seed: number; readonly threads: number },
  ): Promise<OwnTargets> {
    const present: { parameters: Feeds } = { parameters: {} };
    const greedy = settings.decoding === "greedy";
    const options = { candidates: greedy ? 1 : ("all" as const), threads };
    const scorer = await TransformerScorer.create(ort, architecture, () => present.parameters, options);
    const { temperature } = settings;
    const sampler = new Sampler(scorer, { temperature, topK: Number(greedy), maxLengthRatio: LONGEST_RATIO });
    return new OwnTargets(settings, seed, sampler, present);
  }

  dispose(): Promise<void> {
    return this.#sampler.dispose();
  }

  /** Whether batch `number` of the training is one: a function of seed and number, after `fromStep`. */
  isDue(step: number, number: number): boolean {
    const { rate, fromStep } = this.#settings;
    return step > fromStep && new Random(this.#seed, "on-policy", number).uniform() < rate;
  }

  /**
   * The batch with what the student writes for its sources; what is longer than the batch's longest side is cut.
   * @param number which batch of the training it is, from 1.
   * @param parameters the present parameter tensors, by name.
   */
  async write(batch: Batch, number: number, parameters: Feeds): Promise<Batch> {
    this.#present.parameters = parameters;
    const { rows, S, source, sourceLengths } = batch;
    const sources = Array.from({ length: rows }, (_, row) =>
      Array.from(source.subarray(row * S, row * S + sourceLengths[row]! - 1)),
    );
    const randoms = sources.map((_, row) => new Random(this.#seed, "on-policy", number, row));
    const written = await this.#sampler.sample(sources, randoms);
    return withTargets(
      batch,
      written.map(({ ids }) => ids),
    );
  }
}

/** A batch with other targets. Each ends with `</s>`, so that what follows its last token is asked too. */
export function withTargets(batch: Batch, targets: readonly (readonly number[])[]): Batch {
  const most = Math.max(batch.S, batch.U) - 1;
  const rows = targets.map((ids) => [...ids.slice(0, most), EOS_ID]);
  const U = Math.max(...rows.map((ids) => ids.length));
  const target = new Int32Array(batch.rows * U).fill(PAD_ID);
  for (const [row, ids] of rows.entries()) target.set(ids, row * U);
  return { ...batch, U, target, targetLengths: Int32Array.from(rows, (ids) => ids.length) };
}
