// A shard: the token ids of one corpus's pairs as one binary file, with a JSON header beside it.
import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { z } from "zod";

/** Many token sequences in two arrays. */
export interface Sequences {
  /** All ids, one sequence after another; no special tokens. */
  tokens: Uint16Array;
  /** Sequence i is `tokens[offsets[i] .. offsets[i + 1])`. */
  offsets: Uint32Array;
}

/** A corpus as pairs of token sequences: `source` and `target` have the same number of them. */
export interface Shard {
  name: string;
  source: Sequences;
  target: Sequences;
}

export const shardHeaderSchema = z.strictObject({
  format: z.literal("souffleur-shard"),
  version: z.literal(1),
  name: z.string(),
  pairs: z.int().nonnegative(),
  sourceTokens: z.int().nonnegative(),
  targetTokens: z.int().nonnegative(),
  /** Of the .shard file. */
  bytes: z.int().nonnegative(),
  sha256: z.string(),
  /** SHA-256 of the tokenizer.json whose ids these are. */
  tokenizerSha256: z.string(),
});

export type ShardHeader = z.infer<typeof shardHeaderSchema>;

/** A shard that cannot be used; `path` is its files' path without their endings, where they were read from disk. */
export class ShardError extends Error {
  override readonly name = "ShardError";
  readonly path: string | undefined;

  constructor(message: string, path?: string) {
    super(message);
    this.path = path;
  }
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

/** The ids of sequence `index`, as a view. */
export function sequenceAt(sequences: Sequences, index: number): Uint16Array {
  return sequences.tokens.subarray(sequences.offsets[index], sequences.offsets[index + 1]);
}

/** How many sequences there are. */
export function sequenceCount(sequences: Sequences): number {
  return sequences.offsets.length - 1;
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
  const bytes = Buffer.concat(
    [shard.source.offsets, shard.target.offsets, shard.source.tokens, shard.target.tokens].map((part) =>
      Buffer.from(part.buffer, part.byteOffset, part.byteLength),
    ),
  );
  const header: ShardHeader = {
    format: "souffleur-shard",
    version: 1,
    name: shard.name,
    pairs,
    sourceTokens: shard.source.tokens.length,
    targetTokens: shard.target.tokens.length,
    bytes: bytes.length,
    sha256: createHash("sha256").update(bytes).digest("hex"),
    tokenizerSha256,
  };
  await writeFile(`${path}.shard`, bytes);
  await writeFile(`${path}.json`, `${JSON.stringify(header, null, 2)}\n`);
  return header;
}

/**
 * Reads what `writeShard` wrote.
 * @throws ShardError when a file is missing, header, size or hash do not fit, or the ids are another tokenizer's than
 *   `tokenizerSha256`.
 */
export async function readShard(path: string, tokenizerSha256?: string): Promise<Shard> {
  const refuse = (problem: string) => new ShardError(`${path}${problem}`, path);
  const header = await readShardHeader(path);
  if (tokenizerSha256 !== undefined && header.tokenizerSha256 !== tokenizerSha256) {
    throw refuse(`.shard was encoded with another tokenizer (${header.tokenizerSha256.slice(0, 12)})`);
  }
  const file = await readFile(`${path}.shard`).catch(missing(`${path}.shard`, path));
  const offsetBytes = (header.pairs + 1) * 4;
  const expected = 2 * offsetBytes + 2 * (header.sourceTokens + header.targetTokens);
  if (file.length !== header.bytes || file.length !== expected) {
    throw refuse(`.shard has ${file.length} bytes, its header says ${expected}`);
  }
  if (createHash("sha256").update(file).digest("hex") !== header.sha256) {
    throw refuse(`.shard does not have the sha256 that its header states`);
  }
  // A copy of its own: small files come as views into a shared pool, at odd offsets.
  const buffer = new Uint8Array(file).buffer;
  const sourceStart = 2 * offsetBytes;
  return {
    name: header.name,
    source: {
      offsets: new Uint32Array(buffer, 0, header.pairs + 1),
      tokens: new Uint16Array(buffer, sourceStart, header.sourceTokens),
    },
    target: {
      offsets: new Uint32Array(buffer, offsetBytes, header.pairs + 1),
      tokens: new Uint16Array(buffer, sourceStart + 2 * header.sourceTokens, header.targetTokens),
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
