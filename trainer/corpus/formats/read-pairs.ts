// The sentence pairs of a corpus, one after another, whatever its format.
import { readLines } from "../lines.ts";
import { CorpusFilesError, type Languages, type PairFiles } from "./pair-files.ts";
import { type Place, placeName } from "./place.ts";
import type { RawPair } from "./raw-pair.ts";
import { readTalks } from "./talk-xml.ts";
import { readTmx } from "./tmx.ts";

/**
 * All pairs, streamed: no format holds more than a document in memory.
 * @throws CorpusFilesError where two sides do not fit together; Error naming the file where it cannot be read.
 */
export function readPairs(files: PairFiles, languages: Languages): AsyncGenerator<RawPair> {
  switch (files.format) {
    case "tsv":
      return readTsv(files.file);
    case "tmx":
      return readTmx(files.file, languages);
    case "moses":
      return readMoses(files.source, files.target);
    case "xml":
      return readTalks(files.source, files.target);
  }
}

/** `source<TAB>target[<TAB>…]`; further columns are left alone. */
async function* readTsv(file: Place): AsyncGenerator<RawPair> {
  let number = 0;
  for await (const line of readLines(file)) {
    number += 1;
    const [source, target] = line.split("\t", 2);
    yield { line: number, source, target };
  }
}

/** Line n of one file is the translation of line n of the other. */
async function* readMoses(source: Place, target: Place): AsyncGenerator<RawPair> {
  const others = readLines(target);
  let number = 0;
  try {
    for await (const line of readLines(source)) {
      const other = await others.next();
      if (other.done) {
        const rest = await count(source);
        throw unequal(source, rest, target, number);
      }
      number += 1;
      yield { line: number, source: line, target: other.value };
    }
    if (!(await others.next()).done) throw unequal(source, number, target, await count(target));
  } finally {
    await others.return(undefined);
  }
}

async function count(place: Place): Promise<number> {
  let lines = 0;
  for await (const _ of readLines(place)) lines += 1;
  return lines;
}

function unequal(source: Place, sources: number, target: Place, targets: number): CorpusFilesError {
  return new CorpusFilesError(
    `${placeName(source)} has ${sources} lines and ${placeName(target)} ${targets}: line n of one must be the translation of line n of the other`,
  );
}
