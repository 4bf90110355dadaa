// A test set: sentences with one or more references each, read from a tab-separated file.
import { basename } from "node:path";
import type { Languages } from "../corpus/formats/pair-files.ts";
import { type HeldOutSentence, readHeldOutFile } from "../corpus/held-out-file.ts";

export interface TestSet {
  /** The file's name without `.tsv` or `.tsv.gz`. */
  name: string;
  /** The language of its references, where the model writes several. */
  target?: string;
  sentences: HeldOutSentence[];
}

/**
 * Reads a test set as it stands; only its lines' ends are trimmed.
 *
 * @param options.target the language of its references
 * @param options.limit how many sentences to take from the start; all when left out
 * @param options.languages where they are given, the set may be in any format of the training corpora
 * @throws HeldOutFileError when the file is empty or a line lacks its source or a reference, whatever the limit; Error
 * naming the file when it cannot be read
 */
export async function readTestSet(
  path: string,
  options: { limit?: number; target?: string; languages?: Languages } = {},
): Promise<TestSet> {
  const sentences: HeldOutSentence[] = [];
  for await (const sentence of readHeldOutFile(path, options.languages)) sentences.push(sentence);
  const name = basename(path).replace(/\.tsv(\.gz)?$/u, "");
  const { target, limit } = options;
  return { name, ...(target !== undefined && { target }), sentences: sentences.slice(0, limit) };
}
