// The training data as batches, epoch after epoch, resumable at any batch from three numbers.
import { EOS_ID, PAD_ID } from "../../models/vocabulary.ts";
import { Random } from "../random.ts";
import type { SubwordDropout } from "../tokenizer/subword-dropout.ts";
import { bucketByLength, padLength } from "./buckets.ts";
import { type EpochPlan, planEpoch, slotsOf, type TrainPart } from "./epoch-plan.ts";
import { type Sequences, sequenceAt } from "./shard.ts";

// S padded source length, U padded target length.

export interface BatchOptions {
  seed: number;
  /** rows · max(S, U) at most. */
  paddedTokens: number;
  /** A side's tokens at most, EOS included; longer pairs are left out and counted. Default 96. */
  maximumTokens?: number;
  /** S and U are multiples of this. Default 4. */
  multiple?: number;
  /** For a CTC student: leaves out and counts pairs whose target has no path through this many slots a source token. */
  slotsPerToken?: number;
  /**
   * Cuts rows into other tokens, at a rate a side. A row that would then be too long, or infeasible, keeps its own tokens; a
   * batch may have more tokens than `paddedTokens`, since it is planned by the rows' own.
   */
  bpeDropout?: { readonly source: number; readonly target: number; readonly subwords: SubwordDropout };
}

/** Place of the next batch. With the same parts and options it is all that resuming needs. */
export interface BatchState {
  seed: number;
  epoch: number;
  index: number;
}

export interface Batch {
  /** Ids, EOS at each row's end, then PAD_ID. No BOS: the decoder's input is the caller's shift of `target`. */
  source: Int32Array; // [rows, S]
  target: Int32Array; // [rows, U]
  /** EOS included. */
  sourceLengths: Int32Array; // [rows]
  targetLengths: Int32Array; // [rows]
  rows: number;
  S: number;
  U: number;
  /** What each row was made of. */
  examples: BatchExample[]; // [rows]
  epoch: number;
  index: number;
}

/** A row's place in the corpora: rows of one part's shard, more than one where sentences were joined. */
export interface BatchExample {
  part: TrainPart;
  members: Uint32Array;
}

/** What an epoch holds, for reports. */
export interface EpochStatistics {
  epoch: number;
  examples: number;
  joined: number;
  tooLong: number;
  infeasible: number;
  batches: number;
  /** Real tokens, EOS included. */
  sourceTokens: number;
  targetTokens: number;
  /** Share of the places in source and target tensors that hold padding. */
  padding: number;
  /** Different (rows, S, U). */
  shapes: number;
}

/** An endless stream of batches. `next()` builds the one at `state` and moves on. */
export class BatchStream {
  readonly #parts: readonly TrainPart[];
  readonly #options: Required<Omit<BatchOptions, "slotsPerToken" | "bpeDropout">> & BatchOptions;
  #plan: EpochPlan;
  #batches: Uint32Array[];
  #index: number;

  /** @throws RangeError when the state is of another seed or past its epoch, or nothing is left to train on. */
  constructor(parts: readonly TrainPart[], options: BatchOptions, state?: BatchState) {
    this.#parts = parts;
    this.#options = { maximumTokens: 96, multiple: 4, ...options };
    if (state !== undefined && state.seed !== options.seed) {
      throw new RangeError(`the saved place is of seed ${state.seed}, not ${options.seed}`);
    }
    [this.#plan, this.#batches] = this.#open(state?.epoch ?? 0);
    this.#index = state?.index ?? 0;
    if (this.#index > this.#batches.length) {
      throw new RangeError(
        `batch ${this.#index} of epoch ${this.#plan.epoch} does not exist: it has ${this.#batches.length}`,
      );
    }
  }

  get state(): BatchState {
    return { seed: this.#options.seed, epoch: this.#plan.epoch, index: this.#index };
  }

  /** Batches in the present epoch. */
  get batchesInEpoch(): number {
    return this.#batches.length;
  }

  next(): Batch {
    if (this.#index >= this.#batches.length) {
      [this.#plan, this.#batches] = this.#open(this.#plan.epoch + 1);
      this.#index = 0;
    }
    const index = this.#index;
    this.#index += 1;
    return this.#build(this.#batches[index], index);
  }

  /** Counts over the present epoch, without building its batches. */
  statistics(): EpochStatistics {
    const { epoch, sourceLengths, targetLengths, joined, tooLong, infeasible } = this.#plan;
    const shapes = new Set<string>();
    let places = 0;
    for (const examples of this.#batches) {
      const { S, U } = this.#shape(examples);
      places += examples.length * (S + U);
      shapes.add(`${examples.length} ${S} ${U}`);
    }
    const sum = (lengths: Uint16Array) => lengths.reduce((total, length) => total + length, 0);
    const sourceTokens = sum(sourceLengths);
    const targetTokens = sum(targetLengths);
    return {
      epoch,
      examples: sourceLengths.length,
      joined,
      tooLong,
      infeasible,
      batches: this.#batches.length,
      sourceTokens,
      targetTokens,
      padding: 1 - (sourceTokens + targetTokens) / places,
      shapes: shapes.size,
    };
  }

  #open(epoch: number): [EpochPlan, Uint32Array[]] {
    const plan = planEpoch(this.#parts, this.#options, epoch);
    const batches = bucketByLength(plan.sourceLengths, plan.targetLengths, this.#options);
    if (batches.length === 0) throw new RangeError("no training pair is left within the length limits");
    return [plan, new Random(this.#options.seed, "batches", epoch).shuffle(batches)];
  }

  #shape(examples: Uint32Array): { S: number; U: number } {
    let source = 0;
    let target = 0;
    for (const example of examples) {
      source = Math.max(source, this.#plan.sourceLengths[example]);
      target = Math.max(target, this.#plan.targetLengths[example]);
    }
    return { S: padLength(source, this.#options.multiple), U: padLength(target, this.#options.multiple) };
  }

  #build(examples: Uint32Array, index: number): Batch {
    const { epoch } = this.#plan;
    const made: BatchExample[] = Array.from(examples, (example) => ({
      part: this.#parts[this.#plan.parts[example]],
      members: this.#plan.rows.subarray(this.#plan.starts[example], this.#plan.starts[example + 1]),
    }));
    const random = new Random(this.#options.seed, "subwords", epoch, index);
    const pairs = made.map((example) => this.#pair(example, random));
    const source = paddedRows(
      pairs.map((pair) => pair.source),
      this.#options.multiple,
    );
    const target = paddedRows(
      pairs.map((pair) => pair.target),
      this.#options.multiple,
    );
    return {
      source: source.ids,
      target: target.ids,
      sourceLengths: source.lengths,
      targetLengths: target.lengths,
      rows: made.length,
      S: source.width,
      U: target.width,
      examples: made,
      epoch,
      index,
    };
  }

  /** The ids of an example's sides, EOS included, cut into other tokens where these fit too. */
  #pair({ part, members }: BatchExample, random: Random): { source: Ids; target: Ids } {
    const { shard, prefix = [] } = part;
    const own = { source: joinedIds(shard.source, members), target: joinedIds(shard.target, members) };
    const whole = ({ source, target }: { source: Ids; target: Ids }) => ({
      source: [...prefix, ...source, EOS_ID],
      target: [...target, EOS_ID],
    });
    const { bpeDropout, maximumTokens, slotsPerToken } = this.#options;
    if (!bpeDropout) return whole(own);
    const { subwords } = bpeDropout;
    const side = (ids: Ids, rate: number) => (rate > 0 ? subwords.cut(ids, rate, random) : ids);
    const cut = { source: side(own.source, bpeDropout.source), target: side(own.target, bpeDropout.target) };
    const pair = whole(cut);
    const longer = Math.max(pair.source.length, pair.target.length);
    const fits = slotsPerToken === undefined || slotsOf(cut.target) <= pair.source.length * slotsPerToken;
    return longer <= maximumTokens && fits ? pair : whole(own);
  }
}

type Ids = readonly number[];

/** The members' ids one after another: every sentence's begin with the space before it, so a space stands between them. */
function joinedIds(sequences: Sequences, members: Uint32Array): number[] {
  const ids: number[] = [];
  for (const member of members) for (const id of sequenceAt(sequences, member)) ids.push(id);
  return ids;
}

function paddedRows(rows: readonly Ids[], multiple: number) {
  const lengths = Int32Array.from(rows, (row) => row.length);
  const width = padLength(
    lengths.reduce((longest, length) => Math.max(longest, length), 0),
    multiple,
  );
  const ids = new Int32Array(rows.length * width).fill(PAD_ID);
  for (const [row, list] of rows.entries()) ids.set(list, row * width);
  return { ids, lengths, width };
}
