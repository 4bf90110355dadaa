// How often an epoch goes over each target's corpora, evened out by a temperature.

/** A corpus that is sampled. */
export interface BalancedCorpus {
  /** Language tag. */
  readonly target: string;
  /** How often an epoch goes over it, before balancing. */
  readonly weight: number;
  readonly pairs: number;
}

/**
 * Factors for the corpora's weights by target: a target's share p of the sampled pairs becomes p^(1/T) / Σ p^(1/T)
 * (Arivazhagan et al. 2019, "Massively multilingual neural machine translation in the wild", section 4.2). At T = 1 all are
 * 1; the larger T is, the more alike the shares. An epoch keeps its length.
 */
export function targetFactors(corpora: readonly BalancedCorpus[], temperature: number): Map<string, number> {
  const sampled = new Map<string, number>();
  for (const { target, weight, pairs } of corpora) sampled.set(target, (sampled.get(target) ?? 0) + weight * pairs);
  const total = sum(sampled.values());
  const shares = [...sampled].map(([target, pairs]) => ({ target, share: pairs / total }));
  const raised = shares.map(({ target, share }) => ({ target, share, raised: share ** (1 / temperature) }));
  const norm = sum(raised.map((one) => one.raised));
  return new Map(raised.map(({ target, share, raised }) => [target, share === 0 ? 1 : raised / norm / share]));
}

function sum(values: Iterable<number>): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}
