// What a shard says of itself, in the JSON file beside it.
import { z } from "zod";

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
