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
  /** The file of soft targets beside this one; `massLost` is summed up over its positions. */
  soft: z.strictObject({ k: z.int(), positions: z.int(), massLost: z.number(), sha256: z.string() }).optional(),
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

/** A part's soft targets, packed. */
export const softFile = ({ file }: DistillPart): string => file.replace(/\.json$/, ".topk");

/** Writes a part at once; without its .json it is not there. */
export function writePart(part: DistillPart, content: PartContent, soft?: Uint8Array): void {
  if (soft) writeAtOnce(softFile(part), soft);
  const sha256 = sha256Of(JSON.stringify(content));
  writeAtOnce(part.file, JSON.stringify({ format: "souffleur-part", version: 1, sha256, content }));
}

function writeAtOnce(file: string, bytes: string | Uint8Array): void {
  const partial = `${file}.partial-${process.pid}`;
  writeFileSync(partial, bytes);
  renameSync(partial, file);
}

/**
 * @returns undefined where the part has not been made.
 * @throws PartError where a file of it is cut short, changed, or of other sentences.
 */
export function readPart(part: DistillPart): PartContent | undefined {
  const { file, start, end } = part;
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
  if (sha256Of(JSON.stringify(content)) !== sha256)
    throw new PartError(`${file} does not have the sha256 that it states`);
  const { targets, weights } = content;
  const fits = targets.length === end - start && targets.every((list, at) => list.length === weights[at]?.length);
  if (content.start !== start || weights.length !== targets.length || !fits)
    throw new PartError(`${file} does not hold sentences ${start} to ${end}`);
  if (content.soft) readSoft(part, content.soft.sha256);
  return content;
}

/** @throws PartError where the file is missing or changed. */
export function readSoft(part: DistillPart, sha256: string): Uint8Array {
  const file = softFile(part);
  if (!existsSync(file)) throw new PartError(`${file} is missing`);
  const bytes = readFileSync(file);
  if (sha256Of(bytes) !== sha256) throw new PartError(`${file} does not have the sha256 that ${part.file} states`);
  return bytes;
}

export const sha256Of = (bytes: string | Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
