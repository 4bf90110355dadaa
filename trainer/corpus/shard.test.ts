import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readShard, SequencesBuilder, ShardError, sequenceAt, sequenceCount, writeShard } from "./shard.ts";

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
