// Training corpora with noisy sources beside the clean ones: text → noise → ids, once, before the first batch.
import type { Tokenizer } from "../../../models/tokenizer.ts";
import { Random } from "../../random.ts";
import type { TrainPart } from "../epoch-plan.ts";
import { SequencesBuilder, type Shard, sequenceAt, sequenceCount } from "../shard.ts";
import { Noise } from "./noise.ts";
import type { NoiseSettings } from "./noise-settings.ts";
import { PlaceholderText } from "./placeholder-text.ts";

export interface NoiseContext {
  readonly seed: number;
  /** Of the sources. */
  readonly language: string;
  readonly tokenizer: Tokenizer;
  /** A side's tokens at most, EOS included: sentences run together only within it. */
  readonly maximumTokens: number;
}

/**
 * Each part as a clean one with `1 − share` of its weight and `copies` noisy ones with the rest. The noisy texts are
 * functions of seed, corpus, copy and row, so a run that was stopped goes on with the same ones, and making them takes
 * no time from the steps: some 100,000 sentences a second before the first one. Targets stay as they are.
 */
export function withNoise(parts: readonly TrainPart[], settings: NoiseSettings, context: NoiseContext): TrainPart[] {
  const { share, copies } = settings;
  if (share === 0) return [...parts];
  const texts = new PlaceholderText(context.tokenizer);
  return parts.flatMap((part) => {
    const noisy = Array.from({ length: copies }, (_, copy) => ({
      ...part,
      shard: noisyShard(part.shard, copy, settings, context, texts),
      weight: (part.weight * share) / copies,
    }));
    return share < 1 ? [{ ...part, weight: part.weight * (1 - share) }, ...noisy] : noisy;
  });
}

function noisyShard(
  shard: Shard,
  copy: number,
  settings: NoiseSettings,
  { seed, language, maximumTokens }: NoiseContext,
  texts: PlaceholderText,
): Shard {
  const noise = new Noise(settings, language);
  const source = new SequencesBuilder();
  const target = new SequencesBuilder();
  const count = sequenceCount(shard.source);
  const room = maximumTokens - 1;
  for (let row = 0; row < count; row += 1) {
    const random = new Random(seed, "noise", shard.name, copy, row);
    const first = noisyRow(row, random);
    const other = random.below(count);
    const joined = random.uniform() < settings.runTogether ? join(first, noisyRow(other, random)) : undefined;
    const { source: sourceIds, target: targetIds } = joined ?? first;
    source.add(sourceIds);
    target.add(targetIds);
  }
  return { name: `${shard.name}.noise-${copy}`, source: source.build(), target: target.build() };

  /** A row with what its noise made of it; without text where the vocabulary does not have all of it. */
  function noisyRow(row: number, random: Random): NoisyRow {
    const ids = Array.from(sequenceAt(shard.source, row));
    const plain = { source: ids, target: Array.from(sequenceAt(shard.target, row)) };
    const clean = texts.textOf(ids);
    if (clean === undefined) return plain;
    const text = noise.apply(clean, random);
    const noisyIds = texts.idsOf(text);
    return noisyIds.length === 0 ? plain : { ...plain, source: noisyIds, text };
  }

  /** Both rows as one, where both have text and they fit. */
  function join(first: NoisyRow, second: NoisyRow): NoisyRow | undefined {
    if (first.text === undefined || second.text === undefined) return undefined;
    const joined = texts.idsOf(noise.join(first.text, second.text));
    const target = [...first.target, ...second.target];
    return Math.max(joined.length, target.length) > room ? undefined : { source: joined, target };
  }
}

interface NoisyRow {
  readonly source: readonly number[];
  readonly target: readonly number[];
  readonly text?: string;
}
