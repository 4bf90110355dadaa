// Stage 3: the teacher's translations of the training sources become the student's targets (Kim & Rush 2016).
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as ort from "onnxruntime-node";
import { z } from "zod";
import type { TrainPart } from "../corpus/epoch-plan.ts";
import { readShard, SequencesBuilder, type Shard, sequenceAt, sequenceCount, writeShard } from "../corpus/shard.ts";
import { BeamSearch, translateAll } from "../decoding/beam-search.ts";
import { RecipeError } from "../recipe.ts";
import { Interrupted } from "../training/loop.ts";
import { type StageContext, stageProgress } from "./context.ts";
import type { PreparedStage } from "./prepare-stage.ts";
import { StageFolder } from "./stage-folder.ts";
import { StageLocked } from "./stage-lock.ts";
import type { TeacherStage } from "./teacher-stage.ts";

export interface DistilledStage {
  readonly key: string;
  /** The corpora with the teacher's targets. */
  readonly parts: TrainPart[];
}

/** Share of the work: part `index` of `count`, from 1. All of it when left out. */
export interface WorkShare {
  readonly index: number;
  readonly count: number;
}

/** One file of work: some sentences of one corpus. */
interface Part {
  readonly corpus: number;
  readonly start: number;
  readonly end: number;
  readonly file: string;
}

const partSchema = z.object({ targets: z.array(z.array(z.int().nonnegative())) });

/** @throws RecipeError where `distill.corpora` names a corpus that the recipe does not have. */
export function checkDistilledCorpora(context: StageContext, prepared: PreparedStage): void {
  const names = prepared.corpus.index.train.map(({ name }) => name);
  const unknown = context.recipe.distill.corpora?.find((name) => !names.includes(name));
  if (unknown === undefined) return;
  throw new RecipeError(`distill.corpora names ${unknown}; the recipe's corpora are ${names.join(", ")}`);
}

/**
 * Translates every part that is not there yet; whatever was done before a stop is kept.
 * @returns undefined when this share is done and others are not.
 * @throws Interrupted between two parts when asked to stop.
 */
export async function distillStage(
  context: StageContext,
  prepared: PreparedStage,
  teacher: TeacherStage,
  share: WorkShare = { index: 1, count: 1 },
): Promise<DistilledStage | undefined> {
  const { distill, name } = context.recipe;
  const { batchTokens: _, partSentences, ...keyed } = distill; // how the work is cut changes no translation
  const folder = new StageFolder(context.work, name, "distill", { teacher: teacher.key, keyed });
  const { tokenizerSha256 } = prepared.corpus.index;
  const all = await prepared.corpus.trainParts();
  const chosen = all.filter(({ shard }) => distill.corpora === undefined || distill.corpora.includes(shard.name));
  const shards = chosen.map(({ shard }) => shard);
  const shardPath = ({ name }: Shard) => join(folder.path, name);
  if (!folder.result) {
    const partsFolder = join(folder.open(), "parts");
    mkdirSync(partsFolder, { recursive: true });
    const parts = planParts(shards, partSentences, partsFolder);
    const mine = parts.filter((_, index) => index % share.count === share.index - 1);
    await translateParts(context, teacher, shards, mine, `distill ${share.index}/${share.count}`);
    const missing = parts.filter(({ file }) => !existsSync(file)).length;
    if (missing > 0) {
      context.say(
        `distill: share ${share.index}/${share.count} is done; ${missing} of ${parts.length} parts are left to other shares`,
      );
      return undefined;
    }
    try {
      await folder.make(() => joinParts(context, shards, parts, shardPath, tokenizerSha256));
    } catch (error) {
      if (!(error instanceof StageLocked)) throw error;
      context.say(`distill: share ${share.index}/${share.count} is done; another share is joining the parts`);
      return undefined;
    }
  }
  const distilled = chosen.map(
    async ({ shard, weight, join: joinRate }): Promise<TrainPart> => ({
      shard: await readShard(shardPath(shard), tokenizerSha256),
      weight,
      join: joinRate,
    }),
  );
  return { key: folder.key, parts: await Promise.all(distilled) };
}

/** Writes the files of the parts that are not there, each whole or not at all. */
async function translateParts(
  context: StageContext,
  teacher: TeacherStage,
  shards: readonly Shard[],
  parts: readonly Part[],
  title: string,
): Promise<void> {
  const open = parts.filter(({ file }) => !existsSync(file));
  if (open.length === 0) return;
  const { distill, threads } = context.recipe;
  const sentences = open.reduce((sum, part) => sum + part.end - part.start, 0);
  const progress = stageProgress(context, title, sentences, "sentences");
  const search = await BeamSearch.create(ort, teacher.architecture, teacher.weights, distill, threads);
  let done = 0;
  try {
    for (const part of open) {
      if (context.signal?.aborted)
        throw new Interrupted(`stopped after ${done} sentences; run the same command to go on`);
      const { source } = shards[part.corpus]!;
      const limit = teacher.architecture.maxPositions - 1;
      const sources = Array.from({ length: part.end - part.start }, (_, index) =>
        Array.from(sequenceAt(source, part.start + index)).slice(0, limit),
      );
      const found = await translateAll(search, sources, distill.batchTokens, (count) =>
        progress.update(done + count, {}),
      );
      const targets = found.map((hypotheses) => hypotheses[0]?.ids ?? []);
      writeFileSync(`${part.file}.partial-${process.pid}`, JSON.stringify({ targets }));
      renameSync(`${part.file}.partial-${process.pid}`, part.file);
      done += sources.length;
    }
  } finally {
    progress.stop();
    await search.dispose();
  }
}

/** The parts of each corpus as one shard: its sources with the teacher's targets. */
async function joinParts(
  context: StageContext,
  shards: readonly Shard[],
  parts: readonly Part[],
  shardPath: (shard: Shard) => string,
  tokenizerSha256: string,
): Promise<unknown> {
  const counts: Record<string, { sentences: number; empty: number; targetTokens: number }> = {};
  for (const [corpus, shard] of shards.entries()) {
    const targets = new SequencesBuilder();
    let empty = 0;
    for (const part of parts.filter((item) => item.corpus === corpus)) {
      for (const ids of partSchema.parse(JSON.parse(readFileSync(part.file, "utf8"))).targets) {
        if (ids.length === 0) empty += 1;
        targets.add(ids);
      }
    }
    const target = targets.build();
    await writeShard(shardPath(shard), { name: shard.name, source: shard.source, target }, tokenizerSha256);
    counts[shard.name] = { sentences: sequenceCount(target), empty, targetTokens: target.tokens.length };
  }
  const sentences = Object.values(counts).reduce((sum, count) => sum + count.sentences, 0);
  context.say(`distill: ${sentences} sentences from ${parts.length} parts`);
  return { counts };
}

function planParts(shards: readonly Shard[], size: number, folder: string): Part[] {
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
