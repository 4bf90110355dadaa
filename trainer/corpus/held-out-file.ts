// A validation or test set's file: sentences with one or more references each. Read whole, or refused by line.
import { normalizeSentence } from "./cleaning.ts";
import { CorpusFilesError, findPairFiles, type Languages } from "./formats/pair-files.ts";
import { readPairs } from "./formats/read-pairs.ts";
import { readLines } from "./lines.ts";

export interface HeldOutSentence {
  source: string;
  /** One or more; the first is the one that latency is measured against. */
  references: string[];
}

/** A held-out file that cannot be used; the message names the file, the line and what is wrong. */
export class HeldOutFileError extends Error {
  override name = "HeldOutFileError";
  /** Wrong use. */
  readonly exitCode = 2;
}

/**
 * Yields the lines `source<TAB>reference[<TAB>reference…]` of a UTF-8 file, trimmed; .gz files are unpacked. A line left
 * out would make figures that others cannot be compared with, so none is.
 * @param languages where they are given, the set may be in any format of the training corpora, with one reference.
 * @throws HeldOutFileError when the file is empty, or a line lacks its source or a reference; Error naming the file when
 * it cannot be read.
 */
export async function* readHeldOutFile(path: string, languages?: Languages): AsyncGenerator<HeldOutSentence> {
  let last = 0;
  for await (const { line, source, references } of sentencesOf(path, languages)) {
    last = line;
    const refuse = (what: string) => new HeldOutFileError(`${path}:${line}: ${what}`);
    if (isEmpty(source)) throw refuse("no source");
    if (references.length === 0) throw refuse("no reference after a tab");
    if (references.some(isEmpty)) throw refuse("empty reference");
    yield { source, references };
  }
  if (last === 0) throw new HeldOutFileError(`${path}: no sentences`);
}

async function* sentencesOf(
  path: string,
  languages: Languages | undefined,
): AsyncGenerator<HeldOutSentence & { line: number }> {
  const files = languages && (await findPairFiles({ path }, languages));
  if (!files || files.format === "tsv") {
    let line = 0;
    for await (const text of readLines(files ? files.file : path)) {
      line += 1;
      const [source, ...references] = text.split("\t").map((field) => field.trim());
      yield { line, source, references };
    }
    return;
  }
  for await (const { line, source, target } of readPairs(files, languages)) {
    if (target === undefined) throw new CorpusFilesError(`${path}:${line}: it has no translation`);
    yield { line, source: source.trim(), references: [target.trim()] };
  }
}

/** Whether nothing is left of a sentence once it is normalised. */
const isEmpty = (sentence: string): boolean => normalizeSentence(sentence) === "";
