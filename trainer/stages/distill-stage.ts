// Stage 3: the teacher's translations of the training sources become the student's targets (Kim & Rush 2016).
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as ort from "onnxruntime-node";
import { z } from "zod";
import type { TrainPart } from "../corpus/epoch-plan.ts";
import { readShard, SequencesBuilder, type Shard, sequenceAt, sequenceCount, writeShard } from "../corpus/shard.ts";
import { BeamSearch, translateAll } from "../decoding/beam-search.ts";
import { Interrupted } from "../training/loop.ts";
import { type StageContext, stageProgress } from "./context.ts";
import type { PreparedStage } from "./prepare-stage.ts";
import { StageFolder } from "./stage-folder.ts";
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
  const { distill, name, threads } = context.recipe;
  const { batchTokens, partSentences, ...keyed } = distill; // how the work is cut changes no translation
  const folder = new StageFolder(context.work, name, "distill", { teacher: teacher.key, keyed });
  const { tokenizerSha256 } = prepared.corpus.index;
  const all = await prepared.corpus.trainParts();
  const chosen = all.filter(({ shard }) => distill.corpora === undefined || distill.corpora.includes(shard.name));
  for (const corpus of distill.corpora ?? []) {
    if (!all.some(({ shard }) => shard.name === corpus)) {
      const names = all.map(({ shard }) => shard.name).join(", ");
      throw new Error(`distill.corpora names ${corpus}; the recipe's corpora are ${names}`);
    }
  }
  const shardPath = (shard: Shard) => join(folder.path, shard.name);
  if (!folder.result) {
    const partsFolder = join(folder.open(), "parts");
    mkdirSync(partsFolder, { recursive: true });
    const parts = planParts(
      chosen.map(({ shard }) => shard),
      partSentences,
      partsFolder,
    );
    const mine = parts.filter((part, index) => index % share.count === share.index - 1 && !existsSync(part.file));
    if (mine.length > 0) {
      const sentences = mine.reduce((sum, part) => sum + part.end - part.start, 0);
      const progress = stageProgress(context, `distill ${share.index}/${share.count}`, sentences, "sentences");
      const search = await BeamSearch.create(ort, teacher.architecture, teacher.weights, distill, threads);
      let done = 0;
      try {
        for (const part of mine) {
          if (context.signal?.aborted)
            throw new Interrupted(`stopped after ${done} sentences; run the same command to go on`);
          const { source } = chosen[part.corpus]!.shard;
          const limit = teacher.architecture.maxPositions - 1;
          const sources = Array.from({ length: part.end - part.start }, (_, index) =>
            Array.from(sequenceAt(source, part.start + index)).slice(0, limit),
          );
          const found = await translateAll(search, sources, batchTokens, (count) => progress.update(done + count, {}));
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
    const missing = parts.filter(({ file }) => !existsSync(file)).length;
    if (missing > 0) {
      context.say(
        `distill: share ${share.index}/${share.count} is done; ${missing} of ${parts.length} parts are left to other shares`,
      );
      return undefined;
    }
    const counts: Record<string, { sentences: number; empty: number; targetTokens: number }> = {};
    for (const [corpus, { shard }] of chosen.entries()) {
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
    context.say(
      `distill: ${Object.values(counts).reduce((sum, { sentences }) => sum + sentences, 0)} sentences from ${readdirSync(partsFolder).length} parts`,
    );
    folder.finish({ counts });
  }
  const parts: TrainPart[] = [];
  for (const { shard, weight, join: joinRate } of chosen) {
    parts.push({ shard: await readShard(shardPath(shard), tokenizerSha256), weight, join: joinRate });
  }
  return { key: folder.key, parts };
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
