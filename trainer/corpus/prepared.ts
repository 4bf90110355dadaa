// The folder that `prepare` writes, and how the later steps open it.
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { Tokenizer } from "../../models/tokenizer.ts";
import { BACK_TRANSLATED_ID, TARGET_TAG_IDS } from "../../models/vocabulary.ts";
import { ORIGINS } from "./config.ts";
import type { TrainPart } from "./epoch-plan.ts";
import { readLines } from "./lines.ts";
import { readShard, SHARD_MEMORY_BYTES, type Shard } from "./shard.ts";

/** File names inside the folder; a corpus `name` has `.tsv`, `.shard` and `.json` beside each other, line for pair. */
export const PREPARED_FILES = {
  index: "corpus.json",
  report: "report.json",
  tokenizer: "tokenizer.json",
  dropped: "dropped.tsv.gz",
} as const;

export const preparedIndexSchema = z.strictObject({
  format: z.literal("souffleur-corpus"),
  version: z.literal(1),
  source: z.string(),
  target: z.union([z.string(), z.array(z.string())]),
  seed: z.int(),
  vocabulary: z.int(),
  tokenizerSha256: z.string(),
  /** `target` names a corpus's language where there are several. */
  train: z.array(
    z.strictObject({
      name: z.string(),
      target: z.string().optional(),
      weight: z.number(),
      join: z.number(),
      pairs: z.int(),
      origin: z.enum(ORIGINS).optional(),
    }),
  ),
  valid: z.array(z.strictObject({ name: z.string(), target: z.string().optional(), pairs: z.int() })),
  test: z.array(z.strictObject({ name: z.string(), target: z.string().optional(), pairs: z.int() })),
});

export type PreparedIndex = z.infer<typeof preparedIndexSchema>;

/** A held-out set: its texts, and its tokens with the first reference as target. */
export interface HeldOutSet {
  name: string;
  shard: Shard;
  sources: string[];
  /** All references of each source. */
  references: string[][];
}

/** A prepared corpus on disk; what it holds is read when asked for. */
export class PreparedCorpus {
  readonly dir: string;
  readonly index: PreparedIndex;
  readonly tokenizer: Tokenizer;

  private constructor(dir: string, index: PreparedIndex, tokenizer: Tokenizer) {
    this.dir = dir;
    this.index = index;
    this.tokenizer = tokenizer;
  }

  /** @throws Error naming what does not fit when `dir` is not a complete prepared corpus. */
  static async open(dir: string): Promise<PreparedCorpus> {
    const path = join(dir, PREPARED_FILES.index);
    const parsed = preparedIndexSchema.safeParse(JSON.parse(await readFile(path, "utf8")));
    if (!parsed.success) throw new Error(`${path}: ${z.prettifyError(parsed.error)}`);
    const text = await readFile(join(dir, PREPARED_FILES.tokenizer));
    if (createHash("sha256").update(text).digest("hex") !== parsed.data.tokenizerSha256) {
      throw new Error(`${dir}: tokenizer.json is not the one that the corpus was encoded with`);
    }
    return new PreparedCorpus(dir, parsed.data, Tokenizer.fromJson(JSON.parse(text.toString("utf8"))));
  }

  /** The source ids that ask for a target: none where there is one only. */
  prefixOf(target: string | undefined): readonly number[] {
    const { target: targets } = this.index;
    return Array.isArray(targets) && target !== undefined ? [TARGET_TAG_IDS[targets.indexOf(target)]] : [];
  }

  get tokenizerPath(): string {
    return join(this.dir, PREPARED_FILES.tokenizer);
  }

  /** Path of a training corpus's files without their endings. */
  trainPath(name: string): string {
    return join(this.dir, "train", name);
  }

  /**
   * All training corpora with their weights, ready for a `BatchStream`. Their ids are in memory as long as all of them
   * together have at most `memoryBytes`; those of the corpora beyond stay on disk.
   */
  async trainParts(memoryBytes: number = SHARD_MEMORY_BYTES): Promise<TrainPart[]> {
    const parts: TrainPart[] = [];
    let left = memoryBytes;
    for (const { name, target, weight, join: joinRate, origin } of this.index.train) {
      const shard = await readShard(this.trainPath(name), this.index.tokenizerSha256, left);
      if (shard.source.tokens instanceof Uint16Array)
        left -= 2 * (shard.source.tokens.length + shard.target.tokens.length);
      const prefix = [...this.prefixOf(target), ...(origin === "back-translation" ? [BACK_TRANSLATED_ID] : [])];
      parts.push({ shard, weight, join: joinRate, ...(prefix.length > 0 && { prefix }) });
    }
    return parts;
  }

  /** One held-out set by name. */
  async heldOut(kind: "valid" | "test", name: string): Promise<HeldOutSet> {
    const path = join(this.dir, kind, name);
    const set: HeldOutSet = {
      name,
      shard: await readShard(path, this.index.tokenizerSha256),
      sources: [],
      references: [],
    };
    for await (const line of readLines(`${path}.tsv`)) {
      const [source, ...references] = line.split("\t");
      set.sources.push(source);
      set.references.push(references);
    }
    return set;
  }
}
