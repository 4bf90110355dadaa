// Which files a corpus is, and in which format: said by the recipe, or found by their names.
import { existsSync } from "node:fs";
import { basename } from "node:path";
import { type Place, placeName } from "./place.ts";
import { zipMembers } from "./zip.ts";

export const PAIR_FORMATS = ["tsv", "moses", "tmx", "xml"] as const;
export type PairFormat = (typeof PAIR_FORMATS)[number];

/** A corpus as a recipe names it. */
export interface PairSpec {
  /** A file, a zip file, or what the names of two files begin with. */
  readonly path: string;
  readonly format?: PairFormat;
  /** The file of the target side, where its name does not follow from the source side's. */
  readonly targetPath?: string;
  /** The member of a zip file; the source side's where there are two. */
  readonly member?: string;
}

export interface Languages {
  readonly source: string;
  readonly target: string;
}

export type PairFiles =
  | { readonly format: "tsv" | "tmx"; readonly file: Place }
  | { readonly format: "moses" | "xml"; readonly source: Place; readonly target: Place };

/** A corpus whose files do not fit together, or cannot be told apart; the message says what to write in the recipe. */
export class CorpusFilesError extends Error {
  override name = "CorpusFilesError";
  /** Wrong use. */
  readonly exitCode = 2;
}

/** All files of a corpus, once each. */
export function pathsOf(files: PairFiles): string[] {
  const places = "file" in files ? [files.file] : [files.source, files.target];
  return [...new Set(places.map(({ path }) => path))];
}

/**
 * Finds a corpus's files and format.
 * @throws CorpusFilesError where a file or member is missing, or several would fit.
 */
export async function findPairFiles(spec: PairSpec, languages: Languages): Promise<PairFiles> {
  const { path, targetPath } = spec;
  if (/\.zip$/i.test(path)) return zipFiles(spec, languages);
  if (spec.member !== undefined)
    throw new CorpusFilesError(`${path}: \`member\` is for a .zip file, which this is not`);
  refusePacking(path);
  if (targetPath !== undefined) {
    for (const file of [path, targetPath]) if (!existsSync(file)) throw new CorpusFilesError(`${file} is not there`);
    return twoFiles(spec.format ?? formatOfPair(path), { path }, { path: targetPath });
  }
  const pair = existsSync(path) ? pairNames(path, languages, existsSync) : prefixedNames(path, languages);
  const format = spec.format ?? (pair ? formatOfPair(pair.source) : (formatOfFile(path) ?? "tsv"));
  if (format === "tsv" || format === "tmx") return { format, file: { path } };
  if (pair) return twoFiles(format, { path: pair.source }, { path: pair.target });
  if (!existsSync(path)) throw new CorpusFilesError(`${path} is not there, nor ${path}.${languages.source}`);
  throw new CorpusFilesError(
    `${path}: the file of the other language is not beside it: end both names in .${languages.source} and .${languages.target}, or give \`targetPath\``,
  );
}

function twoFiles(format: PairFormat, source: Place, target: Place): PairFiles {
  if (format === "moses" || format === "xml") return { format, source, target };
  throw new CorpusFilesError(`${placeName(source)}: ${format} is one file, and \`targetPath\` names a second one`);
}

async function zipFiles(spec: PairSpec, languages: Languages): Promise<PairFiles> {
  const { path, format } = spec;
  if (!existsSync(path)) throw new CorpusFilesError(`${path} is not there`);
  const members = await zipMembers(path).catch((error: Error) => {
    throw new CorpusFilesError(`cannot read ${path}: ${error.message}`);
  });
  const has = (name: string) => members.includes(name);
  const named = members.filter(
    (name) => spec.member === undefined || name === spec.member || basename(name) === spec.member,
  );
  const found: PairFiles[] = [];
  for (const name of named) {
    const pair = spec.targetPath ? { source: name, target: spec.targetPath } : pairNames(name, languages, has);
    const kind = pair ? formatOfPair(name) : formatOfFile(name);
    // A member that is named may have any name; one that is looked for must look like what is wanted.
    const wanted = spec.member === undefined ? kind : (format ?? kind);
    if (wanted === undefined || (format ?? wanted) !== wanted) continue;
    if (wanted === "tsv" || wanted === "tmx") found.push({ format: wanted, file: { path, member: name } });
    else if (pair && has(pair.target)) {
      found.push({ format: wanted, source: { path, member: name }, target: { path, member: pair.target } });
    }
  }
  const [first, ...others] = found;
  if (first && others.length === 0) return first;
  const list = (found.length > 0 ? found.map((files) => nameOf(files)) : members).slice(0, 12).join(", ");
  if (found.length > 1) throw new CorpusFilesError(`${path} holds several corpora: say with \`member\` which: ${list}`);
  const looked =
    spec.member === undefined ? "no corpus was found in it" : `\`member\` ${spec.member} is no corpus in it`;
  throw new CorpusFilesError(`${path}: ${looked} for ${languages.source} and ${languages.target}; it holds ${list}`);
}

const nameOf = (files: PairFiles): string | undefined => ("file" in files ? files.file.member : files.source.member);

/** Endings after the language in the names of two files: `corpus.en.gz`, `newstest2014-deen-src.en.sgm`. */
const AFTER_LANGUAGE = String.raw`((?:\.(?:txt|xml|sgml?|gz))*)$`;

/** The names of both sides, where `name` is the source side's and the target side's exists. */
function pairNames(
  name: string,
  { source, target }: Languages,
  exists: (name: string) => boolean,
): { source: string; target: string } | undefined {
  for (const language of spellings(source)) {
    const match = new RegExp(`^(.*)\\.${language}${AFTER_LANGUAGE}`, "su").exec(name);
    if (!match) continue;
    const [, stem = "", ending = ""] = match;
    const stems = [stem, stem.replace(/-src$/, "-ref")];
    const endings = [...new Set([ending, ending.replace(/\.gz$/, ""), `${ending}.gz`])];
    for (const other of spellings(target)) {
      for (const candidate of stems.flatMap((start) => endings.map((end) => `${start}.${other}${end}`))) {
        if (candidate !== name && exists(candidate)) return { source: name, target: candidate };
      }
    }
  }
  return undefined;
}

/** The two files whose names begin with `prefix`, as WMT and OPUS name them: `europarl-v7.de-en` and the language. */
function prefixedNames(prefix: string, languages: Languages): { source: string; target: string } | undefined {
  for (const language of spellings(languages.source)) {
    for (const ending of ["", ".gz", ".txt", ".txt.gz", ".xml", ".xml.gz", ".sgm"]) {
      const source = `${prefix}.${language}${ending}`;
      const pair = existsSync(source) ? pairNames(source, languages, existsSync) : undefined;
      if (pair) return pair;
    }
  }
  return undefined;
}

/** pt-BR → pt-BR, pt_BR, pt. */
function spellings(language: string): string[] {
  return [...new Set([language, language.replaceAll("-", "_"), language.split("-")[0]])];
}

function formatOfPair(source: string): "moses" | "xml" {
  return /\.(?:xml|sgml?)(?:\.gz)?$/i.test(source) || basename(source).startsWith("train.tags.") ? "xml" : "moses";
}

/** What the ending says, if it says anything. */
function formatOfFile(path: string): PairFormat | undefined {
  if (/\.tmx(?:\.gz)?$/i.test(path)) return "tmx";
  if (/\.tsv(?:\.gz)?$/i.test(path)) return "tsv";
  return /\.(?:xml|sgml?)(?:\.gz)?$/i.test(path) ? "xml" : undefined;
}

function refusePacking(path: string): void {
  const packing = /\.(?:xz|bz2|zst|7z|rar|tar|tgz|tar\.gz)$/i.exec(path);
  if (!packing) return;
  throw new CorpusFilesError(`${path}: ${packing[0]} is not unpacked here: unpack it, or pack it with gzip or zip`);
}
