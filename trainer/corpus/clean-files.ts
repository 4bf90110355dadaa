// One corpus file through the cleaning rules, duplicates and leaks left out, into a file of cleaned lines.
import type { PieceCounter } from "../tokenizer/piece-counter.ts";
import { CLEANING_RULES, type CleaningConfig, type CleaningRule, cleanLine, normalizeSentence } from "./cleaning.ts";
import type { HeldOut } from "./held-out.ts";
import { readHeldOutFile } from "./held-out-file.ts";
import { LineWriter } from "./line-writer.ts";
import { readLines } from "./lines.ts";

export interface CorpusCounts {
  read: number;
  dropped: Record<CleaningRule, number>;
  duplicates: number;
  leaks: number;
  kept: number;
}

export interface HeldOutCounts {
  references: number;
  kept: number;
}

/** What the corpora of one preparation share. */
export interface CleaningContext {
  cleaning: CleaningConfig;
  heldOut: HeldOut;
  /** Pairs kept so far, as lines. */
  seen: Set<string>;
  pieces: PieceCounter;
  /** How much the corpus's text counts for the tokenizer. */
  weight: number;
}

/** Lines between two progress reports. */
const PROGRESS_LINES = 10_000;

/** Cleans a training corpus into `output`; kept pairs are added to `context.seen` and counted in `context.pieces`. */
export async function cleanCorpus(
  path: string,
  output: string,
  context: CleaningContext,
  progress: (lines: number) => void,
): Promise<CorpusCounts> {
  const counts: CorpusCounts = {
    read: 0,
    dropped: { ...zeroDrops },
    duplicates: 0,
    leaks: 0,
    kept: 0,
  };
  const writer = await LineWriter.create(output);
  try {
    for await (const line of readLines(path)) {
      counts.read += 1;
      if (counts.read % PROGRESS_LINES === 0) progress(counts.read);
      const pair = cleanLine(line, context.cleaning);
      if (typeof pair === "string") {
        counts.dropped[pair] += 1;
        continue;
      }
      const cleaned = `${pair.source}\t${pair.target}`;
      if (context.seen.has(cleaned)) {
        counts.duplicates += 1;
        continue;
      }
      if (context.heldOut.has(pair.source) || context.heldOut.has(pair.target)) {
        counts.leaks += 1;
        continue;
      }
      context.seen.add(cleaned);
      context.pieces.add(pair.source, context.weight);
      context.pieces.add(pair.target, context.weight);
      counts.kept += 1;
      await writer.write(cleaned);
    }
  } finally {
    await writer.close();
  }
  progress(counts.read);
  return counts;
}

/**
 * Copies a held-out set, normalised only, to `output`, and registers its sentences with `heldOut`.
 * @throws HeldOutFileError where a line is malformed.
 */
export async function cleanHeldOut(path: string, output: string, heldOut: HeldOut): Promise<HeldOutCounts> {
  const counts: HeldOutCounts = { references: 0, kept: 0 };
  const writer = await LineWriter.create(output);
  try {
    for await (const { source, references } of readHeldOutFile(path)) {
      const sentences = [source, ...references].map(normalizeSentence);
      for (const sentence of sentences) heldOut.add(sentence);
      counts.references += references.length;
      counts.kept += 1;
      await writer.write(sentences.join("\t"));
    }
  } finally {
    await writer.close();
  }
  return counts;
}

const zeroDrops = Object.fromEntries(CLEANING_RULES.map((rule) => [rule, 0])) as Record<CleaningRule, number>;
