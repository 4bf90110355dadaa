// A test set: sentences with one or more references each, read from a tab-separated file.
import { readFile } from "node:fs/promises";
import { basename } from "node:path";

export interface TestSentence {
  source: string;
  /** One or more; the first is the one that latency is measured against. */
  references: string[];
}

export interface TestSet {
  /** The file's name without `.tsv`. */
  name: string;
  sentences: TestSentence[];
}

/** A test set file that cannot be used; the message names the file, the line and what is wrong. */
export class TestSetError extends Error {
  override name = "TestSetError";
}

/**
 * Reads a UTF-8 file of lines `source<TAB>reference[<TAB>reference…]`.
 *
 * @param options.limit how many sentences to take from the start; all when left out
 * @throws TestSetError when the file cannot be read, is empty, or a line lacks its source or a reference
 */
export async function readTestSet(path: string, options: { limit?: number } = {}): Promise<TestSet> {
  let content: string;
  try {
    content = await readFile(path, "utf8");
  } catch (error) {
    throw new TestSetError(`${path}: cannot be read (${error instanceof Error ? error.message : String(error)})`, {
      cause: error,
    });
  }
  const testSet = parseTestSet(content, path);
  return { ...testSet, sentences: testSet.sentences.slice(0, options.limit) };
}

/** As {@link readTestSet}, from the file's content; `path` gives the name and stands in error messages. */
export function parseTestSet(content: string, path: string): TestSet {
  const lines = content.replace(/^\ufeff/u, "").split(/\r?\n/u);
  // The last line's end does not begin another line.
  if (lines.at(-1) === "") lines.pop();
  if (lines.length === 0) throw new TestSetError(`${path}: no sentences`);
  const sentences = lines.map((line, index) => {
    const [source, ...references] = line.split("\t").map((field) => field.trim());
    if (source === "") throw new TestSetError(`${path}:${index + 1}: no source`);
    if (references.length === 0) throw new TestSetError(`${path}:${index + 1}: no reference after a tab`);
    if (references.includes("")) throw new TestSetError(`${path}:${index + 1}: empty reference`);
    return { source, references };
  });
  return { name: basename(path).replace(/\.tsv$/u, ""), sentences };
}
