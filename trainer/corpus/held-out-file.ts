// A validation or test set's file: sentences with one or more references each. Read whole, or refused by line.
import { normalizeSentence } from "./cleaning.ts";
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
 * @throws HeldOutFileError when the file is empty, or a line lacks its source or a reference; Error naming the file when
 * it cannot be read.
 */
export async function* readHeldOutFile(path: string): AsyncGenerator<HeldOutSentence> {
  let number = 0;
  for await (const line of readLines(path)) {
    number += 1;
    const [source, ...references] = line.split("\t").map((field) => field.trim());
    const refuse = (what: string) => new HeldOutFileError(`${path}:${number}: ${what}`);
    if (isEmpty(source)) throw refuse("no source");
    if (references.length === 0) throw refuse("no reference after a tab");
    if (references.some(isEmpty)) throw refuse("empty reference");
    yield { source, references };
  }
  if (number === 0) throw new HeldOutFileError(`${path}: no sentences`);
}

/** Whether nothing is left of a sentence once it is normalised. */
const isEmpty = (sentence: string): boolean => normalizeSentence(sentence) === "";
