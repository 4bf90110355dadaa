// From parallel text to training data: clean, learn the tokenizer, encode. Files in, one folder out.
import { createHash } from "node:crypto";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { BulkEncoder } from "../tokenizer/bulk-encoder.ts";
import { PieceCounter } from "../tokenizer/piece-counter.ts";
import { alphabetOf, learnVocabulary, readVocabulary } from "../tokenizer/vocabulary-source.ts";
import { BatchStream } from "./batches.ts";
import {
  type CleaningContext,
  type CorpusCounts,
  cleanCorpus,
  cleanHeldOut,
  type HeldOutCounts,
} from "./clean-files.ts";
import {
  corpusName,
  languagesOf,
  type PrepareConfig,
  pathOf,
  prepareConfigSchema,
  type ResolvedPrepareConfig,
  targetOf,
} from "./config.ts";
import { DroppedFile } from "./dropped-file.ts";
import { encodeFile } from "./encode-file.ts";
import { findPairFiles, type Languages, type PairFiles } from "./formats/pair-files.ts";
import { readPairs } from "./formats/read-pairs.ts";
import { HeldOut } from "./held-out.ts";
import { LanguageCheck } from "./language-check.ts";
import { PairSet } from "./pair-set.ts";
import { PREPARED_FILES, PreparedCorpus, type PreparedIndex } from "./prepared.ts";
import type { CorpusReport, HeldOutReport, PrepareReport } from "./report.ts";
import { StrictRules } from "./strict-rules.ts";
import { targetFactors } from "./target-balance.ts";

export interface PrepareProgress {
  stage: "clean" | "tokenizer" | "encode";
  /** The corpus at hand, "" where there is none. */
  name: string;
  /** Lines of it done, or ids of the vocabulary in `tokenizer`. */
  done: number;
  /** Where known. */
  total?: number;
}

export type ReportProgress = (progress: PrepareProgress) => void;

/**
 * Prepares `config`'s corpora into `outDir`: `tokenizer.json`, `corpus.json`, `report.json`, `dropped.tsv.gz`, and for every
 * corpus cleaned lines (.tsv) with their tokens (.shard, .json) under `train/`, `valid/` and `test/`. Everything is written beside
 * `outDir` first and renamed when complete, replacing what was there. The same input gives the same files, but for the
 * report's times.
 * @throws ZodError for a configuration that does not fit, Error naming the file for one that cannot be read.
 */
export async function prepare(
  config: PrepareConfig,
  outDir: string,
  progress: ReportProgress = () => {},
): Promise<PrepareReport> {
  const resolved = prepareConfigSchema.parse(config);
  const temporary = `${outDir}.partial-${process.pid}`;
  await rm(temporary, { recursive: true, force: true });
  try {
    const report = await prepareInto(temporary, resolved, progress);
    await replaceFolder(temporary, outDir);
    return report;
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

async function prepareInto(
  dir: string,
  config: ResolvedPrepareConfig,
  progress: ReportProgress,
): Promise<PrepareReport> {
  const train = config.train.map((corpus) => ({ ...corpus, name: corpus.name ?? corpusName(corpus.path) }));
  const held = (["valid", "test"] as const).flatMap((kind) =>
    config[kind].map((entry) => ({
      ...{ kind, path: pathOf(entry), name: corpusName(pathOf(entry)), target: targetOf(entry) },
      languages: languagesOf(config, entry),
    })),
  );
  refuseSameNames(train.map(({ name }) => `train/${name}`));
  refuseSameNames(held.map(({ kind, name }) => `${kind}/${name}`));
  for (const kind of ["train", "valid", "test"]) await mkdir(join(dir, kind), { recursive: true });
  const started = performance.now();

  // Held-out files first: what they hold must not be trained on.
  const heldOut = new HeldOut();
  const heldCounts: HeldOutCounts[] = [];
  for (const { kind, path, name, languages } of held) {
    heldCounts.push(await cleanHeldOut(path, join(dir, kind, `${name}.tsv`), heldOut, languages));
  }
  const files: PairFiles[] = [];
  for (const corpus of train) files.push(await findPairFiles(corpus, languagesOf(config, corpus)));
  const strict = await strictRules(config, files);
  const pieces = new PieceCounter();
  const dropped = new DroppedFile(join(dir, PREPARED_FILES.dropped));
  const shared = { cleaning: config.cleaning, heldOut, seen: new PairSet(), dropped, pieces };
  const trainCounts: CorpusCounts[] = [];
  try {
    for (const [at, corpus] of train.entries()) {
      const { name, weight } = corpus;
      const languages = languagesOf(config, corpus);
      const context: CleaningContext = { ...shared, languages, strict: strict.get(languages.target)!, weight };
      const output = join(dir, "train", `${name}.tsv`);
      trainCounts.push(
        await cleanCorpus(files[at], output, context, (done) => progress({ stage: "clean", name, done })),
      );
    }
  } finally {
    await dropped.close();
  }
  const cleaned = performance.now();

  progress({ stage: "tokenizer", name: "", done: 0, total: config.tokenizer.size });
  const counts = pieces.counts();
  const { file } = config.tokenizer;
  const { json, tokenizer, merges } = file ? await readVocabulary(file) : learnVocabulary(counts, config.tokenizer);
  const { vocabularySize } = tokenizer;
  await writeFile(join(dir, PREPARED_FILES.tokenizer), json);
  const tokenizerSha256 = createHash("sha256").update(json).digest("hex");
  progress({ stage: "tokenizer", name: "", done: vocabularySize, total: config.tokenizer.size });
  const learnt = performance.now();

  const encoder = new BulkEncoder(tokenizer);
  const encode = (kind: string, name: string, total: number) =>
    encodeFile(join(dir, kind, name), name, encoder, tokenizerSha256, (done) =>
      progress({ stage: "encode", name, done, total }),
    );
  const trainReports: CorpusReport[] = [];
  for (const [at, { name, path, target, weight, join: joinRate, origin }] of train.entries()) {
    const { kept, ...cleaning } = trainCounts[at];
    const { format } = files[at];
    const corpus = { name, path, target, format, weight, join: joinRate, origin };
    trainReports.push({ ...corpus, ...cleaning, ...(await encode("train", name, kept)) });
  }
  const heldReports: Record<"valid" | "test", HeldOutReport[]> = { valid: [], test: [] };
  for (const [at, { kind, name, path, target }] of held.entries()) {
    const { kept, ...cleaning } = heldCounts[at];
    heldReports[kind].push({ name, path, target, ...cleaning, ...(await encode(kind, name, kept)) });
  }
  const factors = targetFactors(
    trainReports.map(({ target = "", weight, pairs }) => ({ target, weight, pairs })),
    config.targetTemperature ?? 1,
  );
  const targetIn = ({ target }: { target?: string }) => (Array.isArray(config.target) ? { target } : {});
  const index: PreparedIndex = {
    format: "souffleur-corpus",
    version: 1,
    source: config.source,
    target: config.target,
    seed: config.seed,
    vocabulary: vocabularySize,
    tokenizerSha256,
    train: trainReports.map(({ name, target, weight, join: joinRate, pairs, origin }) => ({
      ...{ name, ...targetIn({ target }), weight: weight * factors.get(target ?? "")!, join: joinRate, pairs },
      ...(origin && { origin }),
    })),
    valid: heldReports.valid.map((set) => ({ name: set.name, ...targetIn(set), pairs: set.pairs })),
    test: heldReports.test.map((set) => ({ name: set.name, ...targetIn(set), pairs: set.pairs })),
  };
  await writeFile(join(dir, PREPARED_FILES.index), `${JSON.stringify(index, null, 2)}\n`);

  const parts = await (await PreparedCorpus.open(dir)).trainParts(0);
  const epoch = new BatchStream(parts, { seed: config.seed, paddedTokens: 2048 }).statistics();
  const encoded = performance.now();
  const alphabet = alphabetOf(tokenizer);
  const report: PrepareReport = {
    config,
    train: trainReports,
    ...heldReports,
    tokenizer: {
      sha256: tokenizerSha256,
      vocabulary: vocabularySize,
      alphabet: alphabet.size,
      merges,
      unknownCharacters: charactersOf(counts.keys()).filter((character) => !alphabet.has(character)).length,
    },
    epoch,
    seconds: {
      clean: (cleaned - started) / 1000,
      tokenizer: (learnt - cleaned) / 1000,
      encode: (encoded - learnt) / 1000,
      total: (encoded - started) / 1000,
    },
  };
  await writeFile(join(dir, PREPARED_FILES.report), `${JSON.stringify(report, null, 2)}\n`);
  return report;
}

/** The rules for each target language, which learn from its corpora alone. */
async function strictRules(
  config: ResolvedPrepareConfig,
  files: readonly PairFiles[],
): Promise<Map<string, StrictRules>> {
  const rules = new Map<string, StrictRules>();
  for (const target of [config.target].flat()) {
    const languages = { source: config.source, target };
    const own = files.filter((_, at) => languagesOf(config, config.train[at]).target === target);
    const check = config.cleaning.checkLanguage ? await learnLanguages(own, languages) : undefined;
    rules.set(target, new StrictRules(config.cleaning, languages, check));
  }
  return rules;
}

/** Pairs of each corpus that the language check learns from. */
const LEARNT_PAIRS = 20_000;

async function learnLanguages(corpora: readonly PairFiles[], languages: Languages): Promise<LanguageCheck> {
  const check = new LanguageCheck();
  for (const files of corpora) {
    let pairs = 0;
    for await (const { source, target } of readPairs(files, languages)) {
      check.learn("source", source);
      if (target !== undefined) check.learn("target", target);
      pairs += 1;
      if (pairs >= LEARNT_PAIRS) break;
    }
  }
  return check;
}

/** Each character once. */
function charactersOf(pieces: Iterable<string>): string[] {
  const characters = new Set<string>();
  for (const piece of pieces) for (const character of piece) characters.add(character);
  return [...characters];
}

function refuseSameNames(names: readonly string[]): void {
  for (const [at, name] of names.entries()) {
    if (names.indexOf(name) < at) throw new RangeError(`two corpora are named "${name}": give one a \`name\``);
  }
}

/** Puts a complete folder in place of another; a reader sees the old one, then none for an instant, then the new one. */
async function replaceFolder(from: string, to: string): Promise<void> {
  const old = `${to}.old-${process.pid}`;
  await rm(old, { recursive: true, force: true });
  await rename(to, old).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
  });
  await rename(from, to);
  await rm(old, { recursive: true, force: true });
}
