// A file of cleaned lines into a shard of token ids beside it.
import type { BulkEncoder } from "../tokenizer/bulk-encoder.ts";
import { readLines } from "./lines.ts";
import type { TextCounts } from "./report.ts";
import { ShardWriter } from "./shard-writer.ts";
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
  const writer = await ShardWriter.create(path, name, tokenizerSha256);
  const counter = new TextCounter();
  for await (const line of readLines(`${path}.tsv`)) {
    const [source, target] = line.split("\t", 2);
    const sourceIds = encoder.encode(source);
    const targetIds = encoder.encode(target);
    await writer.add(sourceIds, targetIds);
    counter.add({ source, target }, sourceIds, targetIds);
    if (writer.pairs % PROGRESS_LINES === 0) progress(writer.pairs);
  }
  progress(writer.pairs);
  await writer.finish();
  return counter.result();
}
