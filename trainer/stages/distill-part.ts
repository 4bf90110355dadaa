// A part of the distillation's work: one file of some sentences' targets, whole or not there, and checked when read.
import { createHash } from "node:crypto";
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { type Shard, sequenceCount } from "../corpus/shard.ts";

/** Sentences `start .. end` of one corpus. */
export interface DistillPart {
  /** The corpus's place among those that are distilled. */
  readonly corpus: number;
  readonly start: number;
  readonly end: number;
  readonly file: string;
}

const contentSchema = z.strictObject({
  start: z.int().nonnegative(),
  /** For each sentence its targets, best first, in the corpus's ids. */
  targets: z.array(z.array(z.array(z.int().nonnegative())).min(1)),
  /** For each sentence the weights of its targets, which sum to 1. */
  weights: z.array(z.array(z.number().nonnegative()).min(1)),
  /** For seq-inter: sentence BLEU of the search's best hypotheses, and of those that were taken, summed up. */
  nearest: z.strictObject({ changed: z.int(), best: z.number(), taken: z.number() }).optional(),
});
const partSchema = z.strictObject({
  format: z.literal("souffleur-part"),
  version: z.literal(1),
  /** Of the content as JSON. */
  sha256: z.string(),
  content: contentSchema,
});

export type PartContent = z.output<typeof contentSchema>;

/** A part's file that is damaged; it has to be made again. */
export class PartError extends Error {
  override name = "PartError";
}

/** The parts of all corpora, in order. */
export function planParts(shards: readonly Shard[], size: number, folder: string): DistillPart[] {
  return shards.flatMap((shard, corpus) => {
    const count = sequenceCount(shard.source);
    return Array.from({ length: Math.ceil(count / size) }, (_, index) => ({
      corpus,
      start: index * size,
      end: Math.min(count, (index + 1) * size),
      file: join(folder, `${shard.name}.${size}.${String(index).padStart(5, "0")}.json`),
    }));
  });
}

/** Writes a part at once. */
export function writePart({ file }: DistillPart, content: PartContent): void {
  const part = { format: "souffleur-part", version: 1, sha256: sha256Of(content), content };
  writeFileSync(`${file}.partial-${process.pid}`, JSON.stringify(part));
  renameSync(`${file}.partial-${process.pid}`, file);
}

/**
 * @returns undefined where the part has not been made.
 * @throws PartError where its file is cut short, changed, or of other sentences.
 */
export function readPart({ file, start, end }: DistillPart): PartContent | undefined {
  if (!existsSync(file)) return undefined;
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    throw new PartError(`${file} is no whole JSON: ${error instanceof Error ? error.message : error}`);
  }
  const parsed = partSchema.safeParse(json);
  if (!parsed.success) throw new PartError(`${file} does not fit: ${z.prettifyError(parsed.error)}`);
  const { sha256, content } = parsed.data;
  if (sha256Of(content) !== sha256) throw new PartError(`${file} does not have the sha256 that it states`);
  const { targets, weights } = content;
  const fits = targets.length === end - start && targets.every((list, at) => list.length === weights[at]?.length);
  if (content.start !== start || weights.length !== targets.length || !fits)
    throw new PartError(`${file} does not hold sentences ${start} to ${end}`);
  return content;
}

const sha256Of = (content: PartContent): string => createHash("sha256").update(JSON.stringify(content)).digest("hex");
