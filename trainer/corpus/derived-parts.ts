// Corpora of which a share comes in another form: with placeholders, or with a tag.
import { sentenceCount } from "./choices.ts";
import type { TrainPart } from "./epoch-plan.ts";
import { type Shard, sequenceCount } from "./shard.ts";

/** Some of a part's pairs in another form. */
export interface DerivedPairs {
  readonly shard: Shard;
  /** Of all pairs that an epoch draws from the part, how many should come from here. */
  readonly share: number;
  /** Source ids before each example; those of the part when left out. */
  readonly prefix?: readonly number[];
}

/** A pair of another form comes at most so often in an epoch: few pairs must not be learnt by heart. */
const MOST_OFTEN = 4;

/**
 * The part with less weight, and each of the other forms with what it lost, so that an epoch is as long as before. Where a
 * form has too few pairs for its share, it gets less. Stored distributions do not fit the other forms and stay behind.
 */
export function withDerived(part: TrainPart, derived: readonly DerivedPairs[]): TrainPart[] {
  const drawn = part.choices ? sentenceCount(part.choices) : sequenceCount(part.shard.source);
  let left = 1;
  const parts = derived.flatMap(({ shard, share, prefix = part.prefix }): TrainPart[] => {
    const count = sequenceCount(shard.source);
    if (count === 0 || share === 0) return [];
    const often = Math.min((share * drawn) / count, Math.max(1, MOST_OFTEN / part.weight));
    left -= (often * count) / drawn;
    const { choices: _, softTargets: __, ...rest } = part;
    return [{ ...rest, shard, weight: part.weight * often, ...(prefix && { prefix }) }];
  });
  return left > 1e-9 ? [{ ...part, weight: part.weight * left }, ...parts] : parts;
}
