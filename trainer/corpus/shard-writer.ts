// Writes a shard pair by pair: its ids wait in two files beside it, so that only 8 bytes a pair are held in memory.
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { type FileHandle, open, rm, writeFile } from "node:fs/promises";
import { ShardError, type ShardHeader } from "./shard-header.ts";

const FLUSH_TOKENS = 1 << 17;
/** What 32-bit offsets reach. */
const MAXIMUM_TOKENS = 2 ** 32 - 1;

export class ShardWriter {
  readonly #path: string;
  readonly #name: string;
  readonly #tokenizerSha256: string;
  readonly #source: SideWriter;
  readonly #target: SideWriter;

  private constructor(path: string, name: string, tokenizerSha256: string, sides: [SideWriter, SideWriter]) {
    this.#path = path;
    this.#name = name;
    this.#tokenizerSha256 = tokenizerSha256;
    [this.#source, this.#target] = sides;
  }

  /** @param path of the shard's files without their endings. */
  static async create(path: string, name: string, tokenizerSha256: string): Promise<ShardWriter> {
    const sides = ["source", "target"].map((side) => SideWriter.create(`${path}.${side}.partial`, name));
    return new ShardWriter(path, name, tokenizerSha256, (await Promise.all(sides)) as [SideWriter, SideWriter]);
  }

  get pairs(): number {
    return this.#source.count;
  }

  /** Await it when it returns a promise. */
  add(source: ArrayLike<number>, target: ArrayLike<number>): Promise<unknown> | undefined {
    const first = this.#source.add(source);
    const second = this.#target.add(target);
    return first || second ? Promise.all([first, second]) : undefined;
  }

  /** Puts offsets and ids together, with the header beside them. */
  async finish(): Promise<ShardHeader> {
    const hash = createHash("sha256");
    const file = await open(`${this.#path}.shard`, "w");
    let bytes = 0;
    const write = async (part: Uint8Array) => {
      hash.update(part);
      bytes += part.length;
      await file.appendFile(part);
    };
    const sides = [this.#source, this.#target];
    try {
      for (const { offsets } of sides)
        await write(new Uint8Array(offsets.buffer, offsets.byteOffset, offsets.byteLength));
      for (const side of sides) {
        for await (const part of await side.close()) await write(part);
      }
    } finally {
      await file.close();
    }
    for (const { path } of sides) await rm(path);
    const header: ShardHeader = {
      format: "souffleur-shard",
      version: 1,
      name: this.#name,
      pairs: this.pairs,
      sourceTokens: this.#source.tokens,
      targetTokens: this.#target.tokens,
      bytes,
      sha256: hash.digest("hex"),
      tokenizerSha256: this.#tokenizerSha256,
    };
    await writeFile(`${this.#path}.json`, `${JSON.stringify(header, null, 2)}\n`);
    return header;
  }
}

/** One side's ids on their way to disk. */
class SideWriter {
  readonly path: string;
  readonly #name: string;
  readonly #file: FileHandle;
  #offsets = new Uint32Array(1 << 12);
  #waiting = new Uint16Array(FLUSH_TOKENS * 2);
  #filled = 0;
  #tokens = 0;
  #count = 0;

  private constructor(path: string, name: string, file: FileHandle) {
    this.path = path;
    this.#name = name;
    this.#file = file;
  }

  static async create(path: string, name: string): Promise<SideWriter> {
    return new SideWriter(path, name, await open(path, "w"));
  }

  get count(): number {
    return this.#count;
  }

  get tokens(): number {
    return this.#tokens;
  }

  get offsets(): Uint32Array {
    return this.#offsets.subarray(0, this.#count + 1);
  }

  add(ids: ArrayLike<number>): Promise<void> | undefined {
    if (this.#tokens + ids.length > MAXIMUM_TOKENS) {
      throw new ShardError(
        `${this.#name} has more than ${MAXIMUM_TOKENS} tokens a side: split it into several corpora`,
      );
    }
    if (this.#filled + ids.length > this.#waiting.length) {
      const grown = new Uint16Array(this.#filled + ids.length);
      grown.set(this.#waiting.subarray(0, this.#filled));
      this.#waiting = grown;
    }
    this.#waiting.set(ids, this.#filled);
    this.#filled += ids.length;
    this.#tokens += ids.length;
    this.#count += 1;
    if (this.#count >= this.#offsets.length) {
      const grown = new Uint32Array(Math.ceil(this.#offsets.length * 1.5));
      grown.set(this.#offsets);
      this.#offsets = grown;
    }
    this.#offsets[this.#count] = this.#tokens;
    return this.#filled < FLUSH_TOKENS ? undefined : this.#flush();
  }

  /** What is left goes to disk; the whole of it can then be read again. */
  async close(): Promise<AsyncIterable<Buffer>> {
    await this.#flush();
    await this.#file.close();
    return createReadStream(this.path, { highWaterMark: 1 << 20 });
  }

  async #flush(): Promise<void> {
    const part = this.#waiting.subarray(0, this.#filled);
    await this.#file.appendFile(new Uint8Array(part.buffer, part.byteOffset, part.byteLength));
    this.#filled = 0;
  }
}
