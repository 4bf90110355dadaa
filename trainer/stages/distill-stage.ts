// Stage 3: the teacher's translations of the training sources become the student's targets (Kim & Rush 2016).
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { readChoices, writeChoices } from "../corpus/choices.ts";
import type { TrainPart } from "../corpus/epoch-plan.ts";
import { PairReader } from "../corpus/pair-reader.ts";
import { readShard, readShardHeader, SequencesBuilder, type Shard, sequenceAt, writeShard } from "../corpus/shard.ts";
import { type Recipe, RecipeError } from "../recipe.ts";
import { Interrupted } from "../training/loop.ts";
import { type StageContext, stageProgress } from "./context.ts";
import { type DistillPart, PartError, planParts, readPart, writePart } from "./distill-part.ts";
import { DistillCounts, reportOf } from "./distill-report.ts";
import { Distiller } from "./distiller.ts";
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

/** @throws RecipeError where `distill.corpora` names a corpus that the recipe does not have. */
export function checkDistilledCorpora(context: StageContext, prepared: PreparedStage): void {
  const names = prepared.corpus.index.train.map(({ name }) => name);
  const unknown = context.recipe.distill.corpora?.find((name) => !names.includes(name));
  if (unknown === undefined) return;
  throw new RecipeError(`distill.corpora names ${unknown}; the recipe's corpora are ${names.join(", ")}`);
}

/** What decides the targets; how the work is cut changes none of them, nor does a field that the method does not read. */
function keyedSettings({ method, hypotheses, sampling, beam, lengthPenalty, ...more }: Recipe["distill"]) {
  const { maxLengthRatio, corpora } = more;
  const common = { maxLengthRatio, corpora };
  if (method === "sample") return { method, hypotheses: hypotheses ?? 1, sampling, ...common };
  const search = { beam, lengthPenalty, ...common };
  if (method === "beam") return search;
  return { method, ...search, ...(method === "nbest" && { hypotheses: hypotheses ?? beam }) };
}

/**
 * Translates every part that is not there yet; whatever was done before a stop is kept, and what is damaged is made again.
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
  const keyed = keyedSettings(distill);
  const folder = new StageFolder(context.work, name, "distill", { teacher: teacher.key, keyed });
  const { tokenizerSha256 } = prepared.corpus.index;
  const all = await prepared.corpus.trainParts();
  const chosen = all.filter(({ shard }) => distill.corpora === undefined || distill.corpora.includes(shard.name));
  const shards = chosen.map(({ shard }) => shard);
  const shardPath = ({ name }: Shard) => join(folder.path, name);
  if (!folder.result) {
    const partsFolder = join(folder.open(), "parts");
    mkdirSync(partsFolder, { recursive: true });
    const parts = planParts(shards, distill.partSentences, partsFolder);
    const mine = parts.filter((_, index) => index % share.count === share.index - 1);
    const title = `share ${share.index}/${share.count}`;
    await translateParts(context, prepared, teacher, shards, mine, `distill ${share.index}/${share.count}`);
    const open = parts.filter((part) => !isWhole(context, part));
    if (open.length > 0) {
      context.say(`distill: ${title} is done; ${open.length} of ${parts.length} parts are left to other shares`);
      return undefined;
    }
    try {
      await folder.make(() => joinParts(context, shards, parts, shardPath, tokenizerSha256));
    } catch (error) {
      if (!(error instanceof StageLocked)) throw error;
      context.say(`distill: ${title} is done; another share is joining the parts`);
      return undefined;
    }
  }
  const distilled = chosen.map(async (part): Promise<TrainPart> => {
    const path = shardPath(part.shard);
    const shard = await readShard(path, tokenizerSha256);
    if (distill.method !== "nbest" && distill.method !== "sample") return { ...part, shard };
    return { ...part, shard, choices: await readChoices(path, await readShardHeader(path)) };
  });
  return { key: folder.key, parts: await Promise.all(distilled) };
}

/** False where a part has not been made; a damaged one is taken away, so that it is. */
function isWhole(context: StageContext, part: DistillPart): boolean {
  try {
    return readPart(part) !== undefined;
  } catch (error) {
    if (!(error instanceof PartError)) throw error;
    context.say(`distill: ${error.message}: it is made again`);
    rmSync(part.file);
    return false;
  }
}

/** Writes the files of the parts that are not there, each whole or not at all. */
async function translateParts(
  context: StageContext,
  prepared: PreparedStage,
  teacher: TeacherStage,
  shards: readonly Shard[],
  parts: readonly DistillPart[],
  title: string,
): Promise<void> {
  const open = parts.filter((part) => !isWhole(context, part));
  if (open.length === 0) return;
  const sentences = open.reduce((sum, part) => sum + part.end - part.start, 0);
  const progress = stageProgress(context, title, sentences, "sentences");
  const readers = shards.map(({ name }) => new PairReader(`${prepared.corpus.trainPath(name)}.tsv`));
  const distiller = await Distiller.create(teacher, context.recipe, prepared.corpus.tokenizer);
  let done = 0;
  try {
    for (const part of open) {
      if (context.signal?.aborted)
        throw new Interrupted(`stopped after ${done} sentences; run the same command to go on`);
      const { corpus, start, end } = part;
      const work = { shard: shards[corpus]!, pairs: readers[corpus]!, start, end };
      writePart(part, await distiller.distill(work, (count) => progress.update(done + count, {})));
      done += end - start;
    }
  } finally {
    progress.stop();
    for (const reader of readers) await reader.close();
    await distiller.dispose();
  }
}

/** The parts of each corpus as one shard: its sources with the teacher's targets, a row for each target. */
async function joinParts(
  context: StageContext,
  shards: readonly Shard[],
  parts: readonly DistillPart[],
  shardPath: (shard: Shard) => string,
  tokenizerSha256: string,
): Promise<unknown> {
  const { method } = context.recipe.distill;
  const counts: Record<string, ReturnType<DistillCounts["result"]>> = {};
  for (const [corpus, shard] of shards.entries()) {
    const [source, target] = [new SequencesBuilder(), new SequencesBuilder()];
    const weights: number[][] = [];
    const count = new DistillCounts(shard);
    for (const part of parts.filter((item) => item.corpus === corpus)) {
      const content = readPart(part);
      if (!content) throw new PartError(`${part.file} is missing`);
      count.add(content);
      for (const [at, targets] of content.targets.entries()) {
        for (const ids of targets) {
          source.add(sequenceAt(shard.source, part.start + at));
          target.add(ids);
        }
        weights.push(content.weights[at]!);
      }
    }
    const distilled = { name: shard.name, source: source.build(), target: target.build() };
    const { sha256 } = await writeShard(shardPath(shard), distilled, tokenizerSha256);
    if (method === "nbest" || method === "sample") await writeChoices(shardPath(shard), weights, sha256);
    counts[shard.name] = count.result();
  }
  context.say(`distill: ${reportOf(method, Object.values(counts))}, from ${parts.length} parts`);
  return { method, counts };
}
