// A file of cleaned lines into a shard of token ids beside it.
import type { BulkEncoder } from "../tokenizer/bulk-encoder.ts";
import { readLines } from "./lines.ts";
import type { TextCounts } from "./report.ts";
import { SequencesBuilder, writeShard } from "./shard.ts";
import { TextCounter } from "./text-counts.ts";

/** Lines between two progress reports. */
const PROGRESS_LINES = 10_000;

/** Encodes `<path>.tsv` (source and first target of each line) into `<path>.shard` and `<path>.json`. */
export async function encodeFile(
  path: string,
  name: string,
  encoder: BulkEncoder,
  tokenizerSha256: string,
  progress: (lines: number) => void,
): Promise<TextCounts> {
  const sources = new SequencesBuilder();
  const targets = new SequencesBuilder();
  const counter = new TextCounter();
  for await (const line of readLines(`${path}.tsv`)) {
    const [source, target] = line.split("\t", 2);
    const sourceIds = encoder.encode(source);
    const targetIds = encoder.encode(target);
    sources.add(sourceIds);
    targets.add(targetIds);
    counter.add({ source, target }, sourceIds, targetIds);
    if (sources.length % PROGRESS_LINES === 0) progress(sources.length);
  }
  progress(sources.length);
  await writeShard(path, { name, source: sources.build(), target: targets.build() }, tokenizerSha256);
  return counter.result();
}
