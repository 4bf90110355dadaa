// The teacher's likeliest ids at every target position of a shard, in a file beside it that is read row by row.
import { createHash } from "node:crypto";
import { closeSync, createReadStream, fstatSync, openSync, readSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { z } from "zod";
import { ShardError, type ShardHeader } from "./shard.ts";

// P positions of a row: its target's tokens and the end. k ids a position.

/** What the teacher thinks of one row's target, position by position, told the target before it (temperature 1). */
export interface SoftTarget {
  /** P: the target's tokens and its end. */
  readonly positions: number;
  readonly ids: Uint16Array; // [P, k], likeliest first
  readonly logProbabilities: Float32Array; // [P, k]
}

/** Log-probabilities are kept as −cost / 4096 with 16-bit costs: exact to 1/8192, down to e⁻¹⁶. */
const COSTS_PER_NAT = 4096;
const HIGHEST_COST = 0xffff;
const BYTES_PER_ID = 4; // two of the id, two of the cost

const headerSchema = z.strictObject({
  format: z.literal("souffleur-soft-targets"),
  version: z.literal(1),
  /** Ids of a position. */
  k: z.int().positive(),
  rows: z.int().nonnegative(),
  positions: z.int().nonnegative(),
  /** Of the .topk file. */
  bytes: z.int().nonnegative(),
  sha256: z.string(),
  /** Of the shard whose targets these are. */
  shardSha256: z.string(),
  /** Mean over the positions of 1 − the sum of the k probabilities. */
  massLost: z.number(),
});

export type SoftTargetsHeader = z.infer<typeof headerSchema>;

/** Bytes of the k ids and costs of some rows, as the file holds them: of each row all ids, then all costs. */
export function packSoftTargets(rows: readonly SoftTarget[]): Uint8Array {
  const packed = new Uint16Array(rows.reduce((sum, { ids }) => sum + 2 * ids.length, 0));
  let at = 0;
  for (const { ids, logProbabilities } of rows) {
    packed.set(ids, at);
    at += ids.length;
    for (const value of logProbabilities) {
      packed[at] = Math.min(HIGHEST_COST, Math.max(0, Math.round(-value * COSTS_PER_NAT)));
      at += 1;
    }
  }
  return new Uint8Array(packed.buffer);
}

/** The header of `<path>.topk`, whose bytes are those of `packSoftTargets` for all rows of the shard, one after another. */
export function softTargetsHeader(
  shard: Pick<ShardHeader, "pairs" | "targetTokens" | "sha256">,
  facts: { k: number; sha256: string; massLost: number },
): SoftTargetsHeader {
  const positions = shard.targetTokens + shard.pairs;
  return {
    ...{ format: "souffleur-soft-targets", version: 1, k: facts.k, rows: shard.pairs, positions },
    ...{ bytes: positions * facts.k * BYTES_PER_ID, sha256: facts.sha256, shardSha256: shard.sha256 },
    massLost: facts.massLost,
  };
}

/** A shard's soft targets on disk: a row is read when it is asked for, so that memory does not grow with the corpus. */
export class SoftTargets {
  /** Ids of a position. */
  readonly k: number;
  /** Mean over the positions of the probability that is in none of the k ids. */
  readonly massLost: number;
  readonly #path: string;
  readonly #offsets: Uint32Array;
  readonly #file: number;

  private constructor(path: string, header: SoftTargetsHeader, offsets: Uint32Array) {
    this.k = header.k;
    this.massLost = header.massLost;
    this.#path = path;
    this.#offsets = offsets;
    this.#file = openSync(`${path}.topk`, "r");
  }

  /**
   * Opens `<path>.topk` and `<path>.topk.json`.
   * @param shard the header of the shard beside them, and its targets' offsets.
   * @throws ShardError when a file is missing or damaged, or belongs to another shard.
   */
  static async open(
    path: string,
    shard: { readonly sha256: string; readonly targetOffsets: Uint32Array },
  ): Promise<SoftTargets> {
    const refuse = (problem: string) => new ShardError(`${path}.topk${problem}`, path);
    let json: unknown;
    try {
      json = JSON.parse(await readFile(`${path}.topk.json`, "utf8"));
    } catch (error) {
      throw refuse(`.json cannot be read: ${error instanceof Error ? error.message : error}`);
    }
    const parsed = headerSchema.safeParse(json);
    if (!parsed.success) throw refuse(`.json: ${z.prettifyError(parsed.error)}`);
    const header = parsed.data;
    const rows = shard.targetOffsets.length - 1;
    if (header.shardSha256 !== shard.sha256 || header.rows !== rows) throw refuse(` belongs to another ${path}.shard`);
    const found = await hashOf(`${path}.topk`).catch((error: Error) => {
      throw refuse(` cannot be read: ${error.message}`);
    });
    if (found.bytes !== header.bytes) throw refuse(` has ${found.bytes} bytes, its header says ${header.bytes}`);
    if (found.sha256 !== header.sha256) throw refuse(" does not have the sha256 that its header states");
    return new SoftTargets(path, header, shard.targetOffsets);
  }

  /** Positions of a row: the tokens of its target, and the end. */
  positionsOf(row: number): number {
    return this.#offsets[row + 1]! - this.#offsets[row]! + 1;
  }

  /**
   * One row.
   * @throws ShardError where the file has been cut since it was opened.
   */
  read(row: number): SoftTarget {
    const positions = this.positionsOf(row);
    const values = new Uint16Array(2 * positions * this.k);
    const start = (this.#offsets[row]! + row) * this.k * BYTES_PER_ID;
    const bytes = new Uint8Array(values.buffer);
    if (readSync(this.#file, bytes, 0, bytes.length, start) !== bytes.length) {
      const { size } = fstatSync(this.#file);
      throw new ShardError(`${this.#path}.topk ends at ${size} bytes, within row ${row}`, this.#path);
    }
    const costs = values.subarray(positions * this.k);
    const logProbabilities = Float32Array.from(costs, (cost) => -cost / COSTS_PER_NAT);
    return { positions, ids: values.subarray(0, positions * this.k), logProbabilities };
  }

  /**
   * Writes an example's distributions where a batch wants them: those of its rows one after another, as the ids of its
   * target are joined, so that only the last row's end is one.
   * @param members the example's rows of the shard; more than one where sentences were joined.
   * @param at the example's first position in the two arrays, which have k values a position.
   * @returns positions written: the example's target length, end included.
   */
  fill(members: ArrayLike<number>, ids: Int32Array, logProbabilities: Float32Array, at: number): number {
    let position = at;
    for (let place = 0; place < members.length; place += 1) {
      const soft = this.read(members[place]!);
      const count = (soft.positions - Number(place < members.length - 1)) * this.k;
      ids.set(soft.ids.subarray(0, count), position * this.k);
      logProbabilities.set(soft.logProbabilities.subarray(0, count), position * this.k);
      position += count / this.k;
    }
    return position - at;
  }

  close(): void {
    closeSync(this.#file);
  }
}

async function hashOf(path: string): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash("sha256");
  let bytes = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  return { bytes, sha256: hash.digest("hex") };
}
