// Stage 3: the teacher's translations of the training sources become the student's targets (Kim & Rush 2016).
import { createHash } from "node:crypto";
import { closeSync, mkdirSync, openSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { BACK_TRANSLATED_ID } from "../../models/vocabulary.ts";
import { readChoices, writeChoices } from "../corpus/choices.ts";
import type { TrainPart } from "../corpus/epoch-plan.ts";
import { PairReader } from "../corpus/pair-reader.ts";
import {
  readShard,
  readShardHeader,
  SequencesBuilder,
  type Shard,
  type ShardHeader,
  sequenceAt,
  writeShard,
} from "../corpus/shard.ts";
import { SoftTargets, type SoftTargetsHeader, softTargetsHeader } from "../corpus/soft-targets.ts";
import { type Recipe, RecipeError } from "../recipe.ts";
import { Interrupted } from "../training/loop.ts";
import { type StageContext, stageProgress } from "./context.ts";
import { type DistillPart, PartError, planParts, readPart, readSoft, writePart } from "./distill-part.ts";
import { DistillCounts, reportOf } from "./distill-report.ts";
import { Distiller } from "./distiller.ts";
import type { PreparedStage } from "./prepare-stage.ts";
import { StageFolder } from "./stage-folder.ts";
import { StageLocked } from "./stage-lock.ts";
import { type TeacherStage, teacherFor } from "./teacher.ts";

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
  const { maxLengthRatio, corpora, topK } = more;
  const common = { maxLengthRatio, corpora, topK };
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
  const { tokenizerSha256, vocabulary } = prepared.corpus.index;
  if (distill.topK !== undefined && distill.topK > vocabulary)
    throw new RecipeError(`distill.topK: ${distill.topK} is more than the vocabulary's ${vocabulary} ids`);
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
    const header = await readShardHeader(path);
    const soft = { sha256: header.sha256, targetOffsets: shard.target.offsets };
    return {
      ...{ ...part, shard },
      // it is translated as what people write is, so the student may learn it as that
      ...(part.prefix && { prefix: part.prefix.filter((id) => id !== BACK_TRANSLATED_ID) }),
      ...(hasChoices(distill) && { choices: await readChoices(path, header) }),
      ...(distill.topK !== undefined && { softTargets: await SoftTargets.open(path, soft) }),
    };
  });
  return { key: folder.key, parts: await Promise.all(distilled) };
}

const hasChoices = ({ method }: Recipe["distill"]): boolean => method === "nbest" || method === "sample";

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
  const { index, tokenizer } = prepared.corpus;
  const targetIn = ({ corpus }: DistillPart) => index.train.find(({ name }) => name === shards[corpus]!.name)?.target;
  let done = 0;
  try {
    // One teacher is open at a time: where the targets have teachers of their own, one target after the other.
    for (const target of new Set(open.map(targetIn))) {
      const distiller = await Distiller.create(teacherFor(teacher, prepared, target), context.recipe, tokenizer);
      try {
        for (const part of open.filter((item) => targetIn(item) === target)) {
          if (context.signal?.aborted)
            throw new Interrupted(`stopped after ${done} sentences; run the same command to go on`);
          const { corpus, start, end } = part;
          const work = { shard: shards[corpus]!, pairs: readers[corpus]!, start, end };
          const { content, soft } = await distiller.distill(work, (count) => progress.update(done + count, {}));
          writePart(part, content, soft);
          done += end - start;
        }
      } finally {
        await distiller.dispose();
      }
    }
  } finally {
    progress.stop();
    for (const reader of readers) await reader.close();
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
  const { distill } = context.recipe;
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
    const path = shardPath(shard);
    const header = await writeShard(path, distilled, tokenizerSha256);
    if (hasChoices(distill)) await writeChoices(path, weights, header.sha256);
    if (distill.topK !== undefined) {
      const own = parts.filter((item) => item.corpus === corpus);
      count.stored(joinSoftTargets(path, own, header, distill.topK));
    }
    counts[shard.name] = count.result();
  }
  context.say(`distill: ${reportOf(distill.method, Object.values(counts))}, from ${parts.length} parts`);
  return { method: distill.method, counts };
}

/** The parts' soft targets one after another, as the shard's; one part is in memory at a time. */
function joinSoftTargets(
  path: string,
  parts: readonly DistillPart[],
  shard: ShardHeader,
  k: number,
): SoftTargetsHeader {
  const hash = createHash("sha256");
  const file = openSync(`${path}.topk`, "w");
  let massLost = 0;
  try {
    for (const part of parts) {
      const { soft } = readPart(part) ?? {};
      if (soft?.k !== k) throw new PartError(`${part.file} has no ${k} ids for each position`);
      const bytes = readSoft(part, soft.sha256);
      hash.update(bytes);
      writeFileSync(file, bytes); // at the end of what is written
      massLost += soft.massLost;
    }
  } finally {
    closeSync(file);
  }
  const positions = shard.targetTokens + shard.pairs;
  const facts = { k, sha256: hash.digest("hex"), massLost: massLost / Math.max(1, positions) };
  const header = softTargetsHeader(shard, facts);
  writeFileSync(`${path}.topk.json`, `${JSON.stringify(header, null, 2)}\n`);
  return header;
}
