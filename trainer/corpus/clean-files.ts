// One corpus through the cleaning rules, duplicates and leaks left out, into a file of cleaned lines.
import type { PieceCounter } from "../tokenizer/piece-counter.ts";
import { CLEANING_RULES, type CleaningConfig, type CleaningRule, cleanPair, normalizeSentence } from "./cleaning.ts";
import type { DroppedFile, DropReason } from "./dropped-file.ts";
import type { Languages, PairFiles } from "./formats/pair-files.ts";
import { placeName } from "./formats/place.ts";
import type { RawPair } from "./formats/raw-pair.ts";
import { readPairs } from "./formats/read-pairs.ts";
import type { HeldOut } from "./held-out.ts";
import { readHeldOutFile } from "./held-out-file.ts";
import { LineWriter } from "./line-writer.ts";
import type { PairSet } from "./pair-set.ts";
import type { StrictRules } from "./strict-rules.ts";

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
  languages: Languages;
  cleaning: CleaningConfig;
  strict: StrictRules;
  heldOut: HeldOut;
  /** Pairs kept so far, as lines. */
  seen: PairSet;
  /** What is left out goes here. */
  dropped: DroppedFile;
  pieces: PieceCounter;
  /** How much the corpus's text counts for the tokenizer. */
  weight: number;
}

/** Lines between two progress reports. */
const PROGRESS_LINES = 10_000;

/**
 * Cleans a training corpus into `output`; kept pairs are added to `context.seen` and counted in `context.pieces`, the
 * others written to `context.dropped`.
 */
export async function cleanCorpus(
  files: PairFiles,
  output: string,
  context: CleaningContext,
  progress: (lines: number) => void,
): Promise<CorpusCounts> {
  const counts: CorpusCounts = { read: 0, dropped: { ...zeroDrops }, duplicates: 0, leaks: 0, kept: 0 };
  const file = placeName("file" in files ? files.file : files.source);
  const unpaired = files.format === "tsv" ? "columns" : "unpaired";
  const writer = await LineWriter.create(output);
  const drop = (rule: DropReason, { line, source, target }: RawPair) =>
    context.dropped.write(rule, file, line, source, target);
  try {
    for await (const raw of readPairs(files, context.languages)) {
      counts.read += 1;
      if (counts.read % PROGRESS_LINES === 0) progress(counts.read);
      const { source, target } = raw;
      const pair = target === undefined ? unpaired : cleanPair({ source, target }, context.cleaning);
      const rule = typeof pair === "string" ? pair : context.strict.broken(pair);
      if (typeof pair === "string" || rule !== undefined) {
        counts.dropped[rule ?? unpaired] += 1;
        await drop(rule ?? unpaired, raw);
        continue;
      }
      const cleaned = `${pair.source}\t${pair.target}`;
      if (context.seen.has(cleaned)) {
        counts.duplicates += 1;
        await drop("duplicate", raw);
        continue;
      }
      if (context.heldOut.has(pair.source) || context.heldOut.has(pair.target)) {
        counts.leaks += 1;
        await drop("leak", raw);
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
export async function cleanHeldOut(
  path: string,
  output: string,
  heldOut: HeldOut,
  languages: Languages,
): Promise<HeldOutCounts> {
  const counts: HeldOutCounts = { references: 0, kept: 0 };
  const writer = await LineWriter.create(output);
  try {
    for await (const { source, references } of readHeldOutFile(path, languages)) {
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
