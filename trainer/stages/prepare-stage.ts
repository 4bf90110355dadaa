// Stage 1: corpora → tokenizer and shards.
import { basename, isAbsolute, join, relative } from "node:path";
import { type HeldOutEntry, languagesOf } from "../corpus/config.ts";
import { CorpusFilesError, findPairFiles, pathsOf } from "../corpus/formats/pair-files.ts";
import { prepare } from "../corpus/prepare.ts";
import { PreparedCorpus } from "../corpus/prepared.ts";
import { RecipeError } from "../recipe.ts";
import type { DataFile } from "../runs/provenance.ts";
import { dataPath, modelPath, type StageContext, stageProgress } from "./context.ts";
import { hashOfFile, StageFolder } from "./stage-folder.ts";

export interface PreparedStage {
  readonly key: string;
  readonly corpus: PreparedCorpus;
  /** All that it was made from; in the data folder by their paths there. */
  readonly files: readonly DataFile[];
}

export async function prepareStage(context: StageContext): Promise<PreparedStage> {
  const { corpus } = context.recipe;
  const { file: vocabulary } = corpus.tokenizer;
  const absoluteEntry = (entry: HeldOutEntry): HeldOutEntry =>
    typeof entry === "string" ? dataPath(context, entry) : { ...entry, path: dataPath(context, entry.path) };
  const absolute = {
    ...corpus,
    train: corpus.train.map((entry) => ({
      ...entry,
      path: dataPath(context, entry.path),
      // inside a zip file the target is a member
      ...(entry.targetPath && !/\.zip$/i.test(entry.path) && { targetPath: dataPath(context, entry.targetPath) }),
    })),
    valid: corpus.valid.map(absoluteEntry),
    test: corpus.test.map(absoluteEntry),
    tokenizer: { ...corpus.tokenizer, ...(vocabulary !== undefined && { file: modelPath(context, vocabulary) }) },
  };
  const files: string[] = [];
  for (const entry of [...absolute.train, ...absolute.valid, ...absolute.test]) {
    const spec = typeof entry === "string" ? { path: entry } : entry;
    const found = await findPairFiles(spec, languagesOf(corpus, entry)).catch((error: unknown) => {
      throw error instanceof CorpusFilesError ? new RecipeError(`${error.message}${hint(error.message)}`) : error;
    });
    files.push(...pathsOf(found));
  }
  if (absolute.tokenizer.file !== undefined) files.push(absolute.tokenizer.file);
  const hashes = await Promise.all(
    files.map((path) =>
      hashOfFile(path).catch(() => {
        throw new RecipeError(`${path} is not there${hint("is not there")}`);
      }),
    ),
  );
  const folder = new StageFolder(context.work, context.recipe.name, "prepare", { corpus, hashes });
  const at = join(folder.path, "corpus");
  await folder.make(async () => {
    const corpora = corpus.train.length + corpus.valid.length + corpus.test.length;
    const progress = stageProgress(context, "prepare", corpora, "corpora");
    let done = 0;
    let last = "";
    const report = await prepare(absolute, at, ({ stage, name }) => {
      if (stage === "encode" && name !== last) {
        last = name;
        done += 1;
      }
      progress.update(done, { stage, corpus: name });
    });
    progress.stop();
    const kept = report.train.reduce((sum, { pairs }) => sum + pairs, 0);
    context.say(
      `prepare: ${kept} pairs, vocabulary ${report.tokenizer.vocabulary}, counts in ${join(at, "report.json")}`,
    );
    return { pairs: kept, files: files.map((path, index) => ({ path, sha256: hashes[index] })) };
  });
  const named = files.map((path, index) => ({ file: inData(context, path), sha256: hashes[index] }));
  return { key: folder.key, corpus: await PreparedCorpus.open(at), files: named };
}

/** A path that says nothing of the machine. */
function inData({ data }: StageContext, path: string): string {
  const inside = relative(data, path);
  return inside.startsWith("..") || isAbsolute(inside) ? basename(path) : inside;
}

const hint = (message: string): string =>
  message.includes("is not there") ? ": give the data folder with --data or SOUFFLEUR_DATA" : "";
