// A shard: the token ids of one corpus's pairs as one binary file, with a JSON header beside it.
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open, readFile, stat } from "node:fs/promises";
import { z } from "zod";
import { ShardError, type ShardHeader, shardHeaderSchema } from "./shard-header.ts";
import { ShardWriter } from "./shard-writer.ts";
import { TokenFile } from "./token-file.ts";

export { ShardError, type ShardHeader, shardHeaderSchema };

/** Many token sequences in two arrays. */
export interface Sequences {
  /** All ids, one sequence after another; no special tokens. In memory, or in the file where that is large. */
  tokens: Uint16Array | TokenFile;
  /** Sequence i is `tokens[offsets[i] .. offsets[i + 1])`. */
  offsets: Uint32Array;
}

/** A corpus as pairs of token sequences: `source` and `target` have the same number of them. */
export interface Shard {
  name: string;
  source: Sequences;
  target: Sequences;
}

/** Sequences to be added one by one. */
export class SequencesBuilder {
  #tokens = new Uint16Array(1 << 16);
  #offsets = new Uint32Array(1 << 12);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  add(ids: ArrayLike<number>): void {
    const start = this.#offsets[this.#length];
    const end = start + ids.length;
    if (end > this.#tokens.length) {
      const grown = new Uint16Array(Math.max(end, this.#tokens.length * 2));
      grown.set(this.#tokens);
      this.#tokens = grown;
    }
    this.#length += 1;
    if (this.#length >= this.#offsets.length) {
      const grown = new Uint32Array(this.#offsets.length * 2);
      grown.set(this.#offsets);
      this.#offsets = grown;
    }
    this.#tokens.set(ids, start);
    this.#offsets[this.#length] = end;
  }

  build(): Sequences {
    const offsets = this.#offsets.slice(0, this.#length + 1);
    return { offsets, tokens: this.#tokens.slice(0, offsets[this.#length]) };
  }
}

/** The ids of sequence `index`: a view, or read from the file. */
export function sequenceAt(sequences: Sequences, index: number): Uint16Array {
  return sequences.tokens.subarray(sequences.offsets[index], sequences.offsets[index + 1]);
}

/** How many sequences there are. */
export function sequenceCount(sequences: Sequences): number {
  return sequences.offsets.length - 1;
}

/** Sequences that are read at once where all of them are gone through. */
const SLICE_TOKENS = 1 << 19;

/** All sequences in order, a slice of the tokens in memory at a time. */
export function* sequencesOf({ offsets, tokens }: Sequences): Generator<Uint16Array> {
  const count = offsets.length - 1;
  for (let from = 0; from < count; ) {
    let to = from + 1;
    while (to < count && offsets[to + 1] - offsets[from] <= SLICE_TOKENS) to += 1;
    const slice = tokens.subarray(offsets[from], offsets[to]);
    for (let index = from; index < to; index += 1) {
      yield slice.subarray(offsets[index] - offsets[from], offsets[index + 1] - offsets[from]);
    }
    from = to;
  }
}

/**
 * Writes `<path>.shard` (little-endian: source offsets and target offsets as Uint32, then source and target ids as Uint16)
 * and `<path>.json`. Call it on a path inside a folder that is renamed when complete.
 */
export async function writeShard(path: string, shard: Shard, tokenizerSha256: string): Promise<ShardHeader> {
  const pairs = sequenceCount(shard.source);
  if (sequenceCount(shard.target) !== pairs) {
    throw new ShardError(`${shard.name}: ${pairs} sources but ${sequenceCount(shard.target)} targets`);
  }
  const writer = await ShardWriter.create(path, shard.name, tokenizerSha256);
  const targets = sequencesOf(shard.target);
  for (const source of sequencesOf(shard.source)) await writer.add(source, targets.next().value ?? []);
  return writer.finish();
}

/** Ids of a larger shard stay in its file. */
export const SHARD_MEMORY_BYTES = 512 * 2 ** 20;

/**
 * Reads what `writeShard` wrote. The offsets are in memory, 8 bytes a pair; the ids too, unless the file has more than
 * `memoryBytes`.
 * @throws ShardError when a file is missing, header, size or hash do not fit, or the ids are another tokenizer's than
 *   `tokenizerSha256`.
 */
export async function readShard(
  path: string,
  tokenizerSha256?: string,
  memoryBytes: number = SHARD_MEMORY_BYTES,
): Promise<Shard> {
  const refuse = (problem: string) => new ShardError(`${path}${problem}`, path);
  const header = await readShardHeader(path);
  if (tokenizerSha256 !== undefined && header.tokenizerSha256 !== tokenizerSha256) {
    throw refuse(`.shard was encoded with another tokenizer (${header.tokenizerSha256.slice(0, 12)})`);
  }
  const file = `${path}.shard`;
  const { size } = await stat(file).catch(missing(file, path));
  const offsetBytes = (header.pairs + 1) * 4;
  const expected = 2 * offsetBytes + 2 * (header.sourceTokens + header.targetTokens);
  if (size !== header.bytes || size !== expected) {
    throw refuse(`.shard has ${size} bytes, its header says ${expected}`);
  }
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) hash.update(chunk);
  if (hash.digest("hex") !== header.sha256) {
    throw refuse(`.shard does not have the sha256 that its header states`);
  }
  const inMemory = size <= memoryBytes;
  const buffer = await readBytes(file, inMemory ? size : 2 * offsetBytes);
  const tokens = (start: number, count: number) =>
    inMemory ? new Uint16Array(buffer, start, count) : new TokenFile(file, start, count);
  const sourceStart = 2 * offsetBytes;
  return {
    name: header.name,
    source: {
      offsets: new Uint32Array(buffer, 0, header.pairs + 1),
      tokens: tokens(sourceStart, header.sourceTokens),
    },
    target: {
      offsets: new Uint32Array(buffer, offsetBytes, header.pairs + 1),
      tokens: tokens(sourceStart + 2 * header.sourceTokens, header.targetTokens),
    },
  };
}

/**
 * The header of what `writeShard` wrote.
 * @throws ShardError when it is missing or does not fit.
 */
export async function readShardHeader(path: string): Promise<ShardHeader> {
  const text = await readFile(`${path}.json`, "utf8").catch(missing(`${path}.json`, path));
  const parsed = shardHeaderSchema.safeParse(parseJson(text));
  if (!parsed.success) throw new ShardError(`${path}.json: ${z.prettifyError(parsed.error)}`, path);
  return parsed.data;
}

const missing = (file: string, path: string) => (error: NodeJS.ErrnoException) => {
  throw error.code === "ENOENT" ? new ShardError(`${file} is missing`, path) : error;
};

/** Undefined for text that is no JSON: the schema says the rest. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The first `bytes` of a file, in a buffer of their own. */
async function readBytes(path: string, bytes: number): Promise<ArrayBuffer> {
  const buffer = new ArrayBuffer(bytes);
  const file = await open(path);
  try {
    for (let done = 0; done < bytes; ) {
      const part = new Uint8Array(buffer, done, Math.min(bytes - done, 1 << 30));
      const { bytesRead } = await file.read(part, 0, part.length, done);
      if (bytesRead === 0) throw new ShardError(`${path} ends at byte ${done} of ${bytes}`);
      done += bytesRead;
    }
  } finally {
    await file.close();
  }
  return buffer;
}
