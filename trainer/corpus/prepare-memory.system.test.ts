// A corpus larger than the memory that is allowed: prepared and read in batches by a process with a small heap.
import { execFile } from "node:child_process";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { Random } from "../random.ts";
import { isBuilt } from "../souffleur-process.testing.ts";

const DIST = join(import.meta.dirname, "..", "..", "dist", "trainer", "corpus");
const HEAP_MB = 24;
const PAIRS = { small: 40_000, large: 240_000 };

/** Prepares, then draws batches from shards that stay on disk; prints what memory it took at most. */
const CHILD = `
const [dist, path, out] = process.argv.slice(1);
const { prepare } = await import(dist + "/prepare.js");
const { readShard } = await import(dist + "/shard.js");
const { BatchStream } = await import(dist + "/batches.js");
const config = { source: "en", target: "de", train: [{ path, name: "large", join: 0.1 }], tokenizer: { size: 400, minimumCount: 1 } };
const { train: [{ pairs, duplicates }] } = await prepare(config, out);
const shard = await readShard(out + "/train/large", undefined, 0);
const stream = new BatchStream([{ shard, weight: 1, join: 0.1 }], { seed: 1, paddedTokens: 2048, slotsPerToken: 2 });
let rows = 0;
for (let batch = 0; batch < 200; batch += 1) rows += stream.next().rows;
console.log(JSON.stringify({ pairs, duplicates, rows, megabytes: process.resourceUsage().maxRSS / 1024 }));
`;

const outcome = z.object({ pairs: z.int(), duplicates: z.int(), rows: z.int(), megabytes: z.number() });

describe.skipIf(!isBuilt)("a corpus larger than the heap", () => {
  let dir = "";
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), "souffleur-memory-"));
  });
  afterAll(() => rm(dir, { recursive: true, force: true }));

  /** Sentences of invented words, each pair once and every tenth a second time. */
  async function corpus(pairs: number): Promise<string> {
    const path = join(dir, `${pairs}.tsv`);
    const random = new Random("memory");
    const words = Array.from({ length: 5000 }, (_, index) => `w${index.toString(36)}`);
    const file = createWriteStream(path);
    const sentence = () => Array.from({ length: 12 }, () => words[random.below(words.length)]).join(" ");
    for (let index = 0; index < pairs; index += 1000) {
      const lines = Array.from({ length: 1000 }, () => `${sentence()}\t${sentence()}`);
      const again = lines.filter((_, place) => place % 10 === 0);
      if (!file.write(`${[...lines, ...again].join("\n")}\n`)) await once(file, "drain");
    }
    file.end();
    await once(file, "close");
    return path;
  }

  async function run(pairs: number) {
    const path = await corpus(pairs);
    const args = [
      `--max-old-space-size=${HEAP_MB}`,
      "--input-type=module",
      "-e",
      CHILD,
      DIST,
      path,
      join(dir, `out-${pairs}`),
    ];
    const { stdout } = await promisify(execFile)(process.execPath, args);
    return { ...outcome.parse(JSON.parse(stdout)), corpusBytes: (await stat(path)).size };
  }

  test("is prepared and trained on within it, within the stated bytes a pair beside it", {
    timeout: 300_000,
  }, async () => {
    const small = await run(PAIRS.small);
    const large = await run(PAIRS.large);
    for (const [pairs, found] of [
      [PAIRS.small, small],
      [PAIRS.large, large],
    ] as const) {
      expect(found).toMatchObject({ pairs, duplicates: pairs / 10 });
      expect(found.rows).toBeGreaterThan(200);
    }
    expect(large.corpusBytes).toBeGreaterThan(HEAP_MB * 1_000_000);
    // Some 80 bytes a pair are held in typed arrays, outside the heap; the rest of the allowance is for the collector.
    const bytesPerPair = ((large.megabytes - small.megabytes) * 2 ** 20) / (PAIRS.large - PAIRS.small);
    expect(bytesPerPair).toBeLessThan(250);
  });
});
