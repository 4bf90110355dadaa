// Which sentences an epoch trains on: corpora sampled by weight, some sentences joined, all from the seed.
import { Random } from "../random.ts";
import { type Choices, chosenRow, sentenceCount } from "./choices.ts";
import { type Sequences, type Shard, sequenceCount, sequencesOf } from "./shard.ts";
import type { SoftTargets } from "./soft-targets.ts";

/** Whose a pair's target is: a teacher's translation, or the corpus's own. */
export type PairOrigin = "distilled" | "raw";

/** A corpus as an epoch samples it. */
export interface TrainPart {
  shard: Shard;
  /** How often an epoch goes over the shard: 2 is twice, 0.1 another tenth of it each epoch. */
  weight: number;
  /** Share of its sentences that are joined in twos and threes into one pair. */
  join: number;
  /** Whose targets they are: a teacher's or the corpus's own. Default raw. */
  origin?: PairOrigin;
  /** Source ids before each example, such as a target language's tag; once where sentences are joined. Default none. */
  prefix?: readonly number[];
  /**
   * Where a sentence has several targets: an epoch takes one of them each time, drawn by their weights, so that over the
   * epochs the loss is the weighted sum of theirs and an epoch is no longer than with one.
   */
  choices?: Choices;
  /** The teacher's distributions at the targets' positions, where they were stored: a row for each of the shard's. */
  softTargets?: SoftTargets;
}

export interface PlanOptions {
  seed: number;
  /** A side's tokens at most, EOS included; longer pairs are left out and counted. */
  maximumTokens: number;
  /** For a CTC student: leaves out and counts pairs whose target has no path through this many slots a source token. */
  slotsPerToken?: number;
}

/** The examples of one epoch, in random order; each is one sentence pair or several joined. */
export interface EpochPlan {
  epoch: number;
  /** Example i is the rows `rows[starts[i] .. starts[i + 1])`, each a row of part `parts[j]`'s shard. */
  starts: Uint32Array;
  parts: Uint16Array;
  rows: Uint32Array;
  /** Tokens a side, EOS included. */
  sourceLengths: Uint16Array;
  targetLengths: Uint16Array;
  /** Examples that are joined, and sampled sentences left out. */
  joined: number;
  tooLong: number;
  infeasible: number;
}

const EOS = 1;
/** Groups of two and three come equally often. */
const AVERAGE_GROUP = 2.5;

/** The plan of epoch `epoch`: the same for the same parts, options and epoch. */
export function planEpoch(parts: readonly TrainPart[], options: PlanOptions, epoch: number): EpochPlan {
  const sampled: PartExamples[] = [];
  const plan = { joined: 0, tooLong: 0, infeasible: 0 };
  for (const [part, { shard, weight, join, prefix = [], choices }] of parts.entries()) {
    const label = [options.seed, shard.name, part];
    const random = new Random(...label, "joins", epoch);
    const count = choices ? sentenceCount(choices) : sequenceCount(shard.source);
    const rows = sampleRows(count, weight, epoch, label);
    if (choices) drawChoices(rows, choices, new Random(...label, "choices", epoch));
    const fits = rows.filter((row) => {
      if (longerSide(shard, row, prefix.length) + EOS > options.maximumTokens) {
        plan.tooLong += 1;
        return false;
      }
      if (options.slotsPerToken !== undefined && !isFeasible(shard, row, prefix.length, options.slotsPerToken)) {
        plan.infeasible += 1;
        return false;
      }
      return true;
    });
    const starts = new Uint32Array(fits.length + 1);
    let made = 0;
    // A share `join` of the sentences in groups means that each next step starts a group with this probability.
    const groupRate = join / (AVERAGE_GROUP - (AVERAGE_GROUP - 1) * join);
    for (let at = 0; at < fits.length; ) {
      let size = 1;
      if (join > 0 && random.uniform() < groupRate) {
        size = joinableSize(shard, fits, at, random.uniform() < 0.5 ? 2 : 3, prefix.length, options.maximumTokens);
      }
      if (size > 1) plan.joined += 1;
      at += size;
      made += 1;
      starts[made] = at;
    }
    sampled.push({ part, rows: fits, starts: starts.slice(0, made + 1) });
  }
  return { epoch, ...plan, ...shuffled(parts, sampled, new Random(options.seed, "order", epoch)) };
}

/** Examples of one part in the order in which they were drawn; example i is `rows[starts[i] .. starts[i + 1])`. */
interface PartExamples {
  part: number;
  rows: Uint32Array;
  starts: Uint32Array;
}

/** Whole passes, each shuffled, and for a fraction the next stretch of a shuffled pass that goes on over the epochs. */
function sampleRows(count: number, weight: number, epoch: number, label: (number | string)[]): Uint32Array {
  const whole = Math.floor(weight);
  const stretch = Math.round((weight - whole) * count);
  const rows = new Uint32Array(whole * count + stretch);
  for (let pass = 0; pass < whole; pass += 1) {
    rows.set(permutation(count, new Random(...label, "pass", epoch, pass)), pass * count);
  }
  let written = whole * count;
  let position = epoch * stretch;
  while (written < rows.length) {
    const cycle = Math.floor(position / count);
    const from = position % count;
    const take = Math.min(rows.length - written, count - from);
    rows.set(permutation(count, new Random(...label, "cycle", cycle)).subarray(from, from + take), written);
    written += take;
    position += take;
  }
  return rows;
}

/** Sentences become rows, in place. */
function drawChoices(sentences: Uint32Array, choices: Choices, random: Random): void {
  for (const [place, sentence] of sentences.entries()) {
    sentences[place] = chosenRow(choices, sentence, random.uniform());
  }
}

function permutation(count: number, random: Random): Uint32Array {
  return random.shuffle(Uint32Array.from({ length: count }, (_, index) => index));
}

function longerSide({ source, target }: Shard, row: number, prefix: number): number {
  const sourceTokens = prefix + source.offsets[row + 1] - source.offsets[row];
  return Math.max(sourceTokens, target.offsets[row + 1] - target.offsets[row]);
}

/** CTC needs a slot for every target token and a blank between equal neighbours (Graves et al. 2006, section 3.1). */
function isFeasible(shard: Shard, row: number, prefix: number, slotsPerToken: number): boolean {
  const positions = prefix + shard.source.offsets[row + 1] - shard.source.offsets[row] + EOS;
  return slotsNeeded(shard.target)[row] <= positions * slotsPerToken;
}

/** Slots that a target needs: one for every token, and a blank between equal neighbours. */
export function slotsOf(ids: ArrayLike<number>): number {
  let slots = ids.length;
  for (let at = 1; at < ids.length; at += 1) if (ids[at] === ids[at - 1]) slots += 1;
  return slots;
}

const neededSlots = new WeakMap<Sequences, Uint16Array>();

/** What each sequence needs, reckoned once: an epoch would otherwise read every token of a shard again. */
function slotsNeeded(sequences: Sequences): Uint16Array {
  const known = neededSlots.get(sequences);
  if (known) return known;
  const needed = new Uint16Array(sequenceCount(sequences));
  let row = 0;
  for (const ids of sequencesOf(sequences)) {
    needed[row] = Math.min(slotsOf(ids), 65_535);
    row += 1;
  }
  neededSlots.set(sequences, needed);
  return needed;
}

/** The largest size up to `wanted` whose joined sides still fit: joining must not lose what alone would be kept. */
function joinableSize(
  shard: Shard,
  rows: Uint32Array,
  at: number,
  wanted: number,
  prefix: number,
  maximumTokens: number,
): number {
  let source = prefix + EOS;
  let target = EOS;
  let size = 0;
  while (size < wanted && at + size < rows.length) {
    const row = rows[at + size];
    source += shard.source.offsets[row + 1] - shard.source.offsets[row];
    target += shard.target.offsets[row + 1] - shard.target.offsets[row];
    if (Math.max(source, target) > maximumTokens) break;
    size += 1;
  }
  return Math.max(size, 1);
}

/** All examples in one random order, in flat arrays: an epoch of a hundred million pairs must not be as many objects. */
function shuffled(parts: readonly TrainPart[], sampled: readonly PartExamples[], random: Random) {
  const count = sampled.reduce((sum, { starts }) => sum + starts.length - 1, 0);
  const places = { part: new Uint16Array(count), example: new Uint32Array(count) };
  let place = 0;
  for (const [at, { starts }] of sampled.entries()) {
    for (let example = 0; example < starts.length - 1; example += 1) {
      places.part[place] = at;
      places.example[place] = example;
      place += 1;
    }
  }
  const order = random.shuffle(Uint32Array.from({ length: count }, (_, index) => index));
  const flat = {
    starts: new Uint32Array(count + 1),
    parts: new Uint16Array(count),
    rows: new Uint32Array(sampled.reduce((sum, { rows }) => sum + rows.length, 0)),
    sourceLengths: new Uint16Array(count),
    targetLengths: new Uint16Array(count),
  };
  let written = 0;
  for (let index = 0; index < count; index += 1) {
    const { part, rows, starts } = sampled[places.part[order[index]]];
    const example = places.example[order[index]];
    const { shard, prefix = [] } = parts[part];
    const { source, target } = shard;
    flat.parts[index] = part;
    let sourceLength = prefix.length + EOS;
    let targetLength = EOS;
    for (let at = starts[example]; at < starts[example + 1]; at += 1) {
      const row = rows[at];
      sourceLength += source.offsets[row + 1] - source.offsets[row];
      targetLength += target.offsets[row + 1] - target.offsets[row];
      flat.rows[written] = row;
      written += 1;
    }
    flat.sourceLengths[index] = sourceLength;
    flat.targetLengths[index] = targetLength;
    flat.starts[index + 1] = written;
  }
  return flat;
}
