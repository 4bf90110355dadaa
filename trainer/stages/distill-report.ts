// What a distillation made, counted: for done.json and for the person who waits.
import { type Shard, sequenceCount } from "../corpus/shard.ts";
import type { SoftTargetsHeader } from "../corpus/soft-targets.ts";
import type { PartContent } from "./distill-part.ts";

export interface DistillResult {
  readonly sentences: number;
  /** Targets of all sentences: as many unless a sentence has several. */
  readonly targets: number;
  /** Targets without a token. */
  readonly empty: number;
  readonly targetTokens: number;
  /** Target tokens for each token of the references, targets counted by weight. */
  readonly lengthRatio: number;
  /** Mean weight of a sentence's first target; 1 where it has one. */
  readonly firstWeight: number;
  /** Only for seq-inter: share of sentences whose target is not the search's best, and mean sentence BLEU of both. */
  readonly nearest?: { readonly changed: number; readonly bestBleu: number; readonly takenBleu: number };
  /** Only where distributions are stored: ids of a position, bytes on disk, and the mean mass that is in none of the ids. */
  readonly soft?: { readonly k: number; readonly bytes: number; readonly massLost: number };
}

/** The counts of one corpus, part by part. */
export class DistillCounts {
  readonly #sentences: number;
  readonly #referenceTokens: number;
  #targets = 0;
  #empty = 0;
  #targetTokens = 0;
  #weightedTokens = 0;
  #firstWeights = 0;
  #soft: DistillResult["soft"];
  #nearest: { changed: number; best: number; taken: number } | undefined;

  constructor({ target }: Shard) {
    this.#sentences = sequenceCount(target);
    this.#referenceTokens = target.tokens.length;
  }

  add({ targets, weights, nearest }: PartContent): void {
    for (const [sentence, list] of targets.entries()) {
      this.#firstWeights += weights[sentence]![0]!;
      for (const [place, { length }] of list.entries()) {
        this.#targets += 1;
        if (length === 0) this.#empty += 1;
        this.#targetTokens += length;
        this.#weightedTokens += length * weights[sentence]![place]!;
      }
    }
    if (!nearest) return;
    this.#nearest ??= { changed: 0, best: 0, taken: 0 };
    for (const figure of ["changed", "best", "taken"] as const) this.#nearest[figure] += nearest[figure];
  }

  stored({ k, bytes, massLost }: SoftTargetsHeader): void {
    this.#soft = { k, bytes, massLost };
  }

  result(): DistillResult {
    const mean = (sum: number) => sum / Math.max(1, this.#sentences);
    return {
      sentences: this.#sentences,
      targets: this.#targets,
      empty: this.#empty,
      targetTokens: this.#targetTokens,
      lengthRatio: this.#weightedTokens / Math.max(1, this.#referenceTokens),
      firstWeight: mean(this.#firstWeights),
      ...(this.#nearest && {
        nearest: {
          changed: mean(this.#nearest.changed),
          bestBleu: mean(this.#nearest.best),
          takenBleu: mean(this.#nearest.taken),
        },
      }),
      ...(this.#soft && { soft: this.#soft }),
    };
  }
}

/** One line over all corpora, each counted by its sentences. */
export function reportOf(method: string, results: readonly DistillResult[]): string {
  const total = (of: (result: DistillResult) => number) => results.reduce((sum, result) => sum + of(result), 0);
  const sentences = total((result) => result.sentences);
  const mean = (of: (result: DistillResult) => number) =>
    total((result) => of(result) * result.sentences) / Math.max(1, sentences);
  const targets = total((result) => result.targets);
  const parts = [`${method}: ${sentences} sentences`];
  if (targets > sentences)
    parts[0] += ` with ${targets} targets (mean weight of the first ${mean((result) => result.firstWeight).toFixed(2)})`;
  parts.push(`${mean((result) => result.lengthRatio).toFixed(2)} × the references' length`);
  parts.push(`${total((result) => result.empty)} empty`);
  if (results.some(({ nearest }) => nearest)) {
    const changed = (100 * mean((result) => result.nearest?.changed ?? 0)).toFixed(1);
    const [best, taken] = (["bestBleu", "takenBleu"] as const).map((of) => mean((result) => result.nearest?.[of] ?? 0));
    parts.push(
      `${changed} % nearer to the reference than the best (sentence BLEU ${best!.toFixed(1)} to ${taken!.toFixed(1)})`,
    );
  }
  const soft = results.flatMap((result) => result.soft ?? []);
  if (soft.length > 0) {
    const megabytes = soft.reduce((sum, { bytes }) => sum + bytes, 0) / 1e6;
    const lost = results.reduce(
      (sum, { soft, targetTokens, targets }) => sum + (soft?.massLost ?? 0) * (targetTokens + targets),
      0,
    );
    const positions = total(({ targetTokens, targets }) => targetTokens + targets);
    parts.push(
      `top ${soft[0]!.k} ids of ${positions} positions in ${megabytes.toFixed(1)} MB, ${((100 * lost) / Math.max(1, positions)).toFixed(2)} % of the mass lost`,
    );
  }
  return parts.join(", ");
}
