import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { BatchStream } from "./batches.ts";
import {
  readShard,
  SequencesBuilder,
  ShardError,
  sequenceAt,
  sequenceCount,
  sequencesOf,
  writeShard,
} from "./shard.ts";
import { TokenFile } from "./token-file.ts";

let dir = "";
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "souffleur-shard-"));
});
afterAll(() => rm(dir, { recursive: true }));

function build(rows: readonly (readonly number[])[]) {
  const builder = new SequencesBuilder();
  for (const row of rows) builder.add(row);
  return builder.build();
}

test("sequences come back as they were written", async () => {
  const sequence = fc.array(fc.integer({ min: 0, max: 65_535 }), { maxLength: 9 });
  const property = fc.asyncProperty(fc.array(fc.tuple(sequence, sequence)), async (pairs) => {
    const shard = { name: "x", source: build(pairs.map(([s]) => s)), target: build(pairs.map(([, t]) => t)) };
    await writeShard(join(dir, "x"), shard, "abc");
    const read = await readShard(join(dir, "x"), "abc");
    expect(read).toEqual(shard);
    expect(sequenceCount(read.source)).toBe(pairs.length);
    for (const [index, [source, target]] of pairs.entries()) {
      expect([...sequenceAt(read.source, index)]).toEqual(source);
      expect([...sequenceAt(read.target, index)]).toEqual(target);
    }
  });
  await fc.assert(property, { numRuns: 20 });
});

test("ids of a large shard stay on disk, and read the same there", async () => {
  const rows = Array.from({ length: 5000 }, (_, index) =>
    Array.from({ length: index % 40 }, (_, at) => (index * 7 + at) % 65_536),
  );
  const shard = { name: "large", source: build(rows), target: build(rows.toReversed()) };
  await writeShard(join(dir, "large"), shard, "abc");
  const filed = await readShard(join(dir, "large"), "abc", 1000);
  expect(filed.source.tokens).toBeInstanceOf(TokenFile);
  for (const index of [4999, 0, 39, 40, 2500]) {
    expect([...sequenceAt(filed.source, index)]).toEqual(rows[index]);
    expect([...sequenceAt(filed.target, index)]).toEqual(rows[4999 - index]);
  }
  expect([...sequencesOf(filed.source)].map((ids) => [...ids])).toEqual(rows);
  await writeShard(join(dir, "copy"), filed, "abc");
  expect(await readFile(join(dir, "copy.shard"))).toEqual(await readFile(join(dir, "large.shard")));
  const options = { seed: 2, paddedTokens: 512, slotsPerToken: 2 };
  const [inMemory, onDisk] = [shard, filed].map(
    (one) => new BatchStream([{ shard: one, weight: 1, join: 0.2 }], options),
  );
  // What a row was made of names its shard, and the two are read from different places.
  const next = (stream: BatchStream) => {
    const { examples, ...batch } = stream.next();
    return { ...batch, members: examples.map(({ members }) => members) };
  };
  for (let batch = 0; batch < 20; batch += 1) expect(next(onDisk)).toEqual(next(inMemory));
});

test("a builder grows past its first arrays", () => {
  const rows = Array.from({ length: 9000 }, (_, index) => Array.from({ length: 10 }, (_, at) => (index + at) % 5000));
  const sequences = build(rows);
  expect([...sequenceAt(sequences, 8999)]).toEqual(rows[8999]);
  expect(sequences.tokens).toHaveLength(90_000);
});

test("refuses a damaged file, a cut file, another tokenizer's ids and unequal sides", async () => {
  const path = join(dir, "y");
  await writeShard(path, { name: "y", source: build([[20, 21]]), target: build([[22]]) }, "abc");
  await expect(readShard(path, "other")).rejects.toThrow(/another tokenizer/);
  const bytes = await readFile(`${path}.shard`);
  bytes[bytes.length - 1] ^= 1;
  await writeFile(`${path}.shard`, bytes);
  await expect(readShard(path)).rejects.toThrow(/sha256/);
  await writeFile(`${path}.shard`, bytes.subarray(2));
  await expect(readShard(path)).rejects.toThrow(/bytes/);
  await writeFile(`${path}.json`, "{}");
  await expect(readShard(path)).rejects.toThrow(ShardError);
  const unequal = { name: "z", source: build([[20], [21]]), target: build([[22]]) };
  await expect(writeShard(join(dir, "z"), unequal, "abc")).rejects.toThrow(/2 sources but 1 targets/);
});
