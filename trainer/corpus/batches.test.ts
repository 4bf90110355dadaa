import { describe, expect, test } from "vitest";
import { EOS_ID, PAD_ID } from "../../models/vocabulary.ts";
import { Random } from "../random.ts";
import { PieceCounter } from "../tokenizer/piece-counter.ts";
import { SubwordDropout } from "../tokenizer/subword-dropout.ts";
import { learnVocabulary } from "../tokenizer/vocabulary-source.ts";
import { BatchStream } from "./batches.ts";
import { bucketByLength } from "./buckets.ts";
import type { TrainPart } from "./epoch-plan.ts";
import { SequencesBuilder } from "./shard.ts";

/** Pair i is source [100 + i, 100 + i, …] and target [1000 + i, …], of random lengths. */
function randomPart(name: string, count: number, weight = 1, join = 0): TrainPart {
  const random = new Random(name);
  const source = new SequencesBuilder();
  const target = new SequencesBuilder();
  for (let index = 0; index < count; index += 1) {
    const length = 1 + random.below(30);
    source.add(new Array(length).fill(100 + index));
    target.add(new Array(Math.max(1, length + random.below(7) - 3)).fill(1000 + index));
  }
  return { shard: { name, source: source.build(), target: target.build() }, weight, join };
}

const options = { seed: 3, paddedTokens: 256 };

describe("bucketByLength", () => {
  test("takes every example once, within the budget, with little padding", () => {
    const random = new Random(1);
    const sources = Array.from({ length: 5000 }, () => 1 + random.below(40));
    const targets = sources.map((length) => Math.max(1, length + random.below(9) - 4));
    const batches = bucketByLength(sources, targets, { paddedTokens: 512, multiple: 1 }, 2000);
    expect(batches.flatMap((batch) => [...batch]).sort((a, b) => a - b)).toEqual(sources.map((_, index) => index));
    let places = 0;
    for (const batch of batches) {
      const S = Math.max(...Array.from(batch, (index) => sources[index]));
      const U = Math.max(...Array.from(batch, (index) => targets[index]));
      expect(batch.length * Math.max(S, U)).toBeLessThanOrEqual(512);
      places += batch.length * (S + U);
    }
    const tokens = [...sources, ...targets].reduce((sum, length) => sum + length, 0);
    expect(tokens / places).toBeGreaterThan(0.93);
  });

  test("an example above the budget has a batch of its own", () => {
    const batches = bucketByLength([3, 90, 3], [3, 3, 3], { paddedTokens: 16, multiple: 4 });
    expect(batches.map((batch) => [...batch])).toContainEqual([1]);
  });
});

describe("BatchStream", () => {
  test("a part's prefix opens each of its rows, once where sentences are joined, and mixes with other parts'", () => {
    const parts = [
      { ...randomPart("a", 200, 1, 0.5), prefix: [13] },
      { ...randomPart("b", 200), prefix: [14, 12] },
    ];
    const stream = new BatchStream(parts, options);
    let mixed = 0;
    let rowsSeen = 0;
    for (let count = stream.batchesInEpoch; count > 0; count -= 1) {
      const { source, sourceLengths, rows, S } = stream.next();
      const tags = new Set<number>();
      for (let row = 0; row < rows; row += 1) {
        const ids = [...source.subarray(row * S, row * S + sourceLengths[row])];
        tags.add(ids[0]);
        const prefix = ids[0] === 13 ? [13] : [14, 12];
        expect(ids.slice(0, prefix.length)).toEqual(prefix);
        expect(ids.slice(prefix.length, -1).every((id) => id >= 100)).toBe(true);
        expect(ids.at(-1)).toBe(EOS_ID);
        rowsSeen += 1;
      }
      if (tags.size === 2) mixed += 1;
    }
    expect(rowsSeen).toBeGreaterThan(250);
    expect(mixed).toBeGreaterThan(stream.batchesInEpoch / 2);
  });

  test("rows end with EOS, are padded with PAD, and hold their sentence", () => {
    const stream = new BatchStream([randomPart("a", 300)], options);
    const seen = new Set<number>();
    for (let count = stream.batchesInEpoch; count > 0; count -= 1) {
      const { source, target, sourceLengths, targetLengths, rows, S, U } = stream.next();
      expect([S % 4, U % 4, source.length, target.length]).toEqual([0, 0, rows * S, rows * U]);
      expect(rows * Math.max(S, U)).toBeLessThanOrEqual(256);
      for (let row = 0; row < rows; row += 1) {
        const pair = source[row * S] - 100;
        seen.add(pair);
        for (const [ids, length, first] of [
          [source.subarray(row * S, (row + 1) * S), sourceLengths[row], 100 + pair],
          [target.subarray(row * U, (row + 1) * U), targetLengths[row], 1000 + pair],
        ] as const) {
          expect([...ids.subarray(0, length - 1)]).toEqual(new Array(length - 1).fill(first));
          expect(ids[length - 1]).toBe(EOS_ID);
          expect(ids.subarray(length).every((id) => id === PAD_ID)).toBe(true);
        }
      }
    }
    expect(seen.size).toBe(300);
    expect(stream.state).toEqual({ seed: 3, epoch: 0, index: stream.batchesInEpoch });
  });

  test("a joined row is its sentences' ids one after another, then one EOS", () => {
    const stream = new BatchStream([randomPart("a", 200, 1, 1)], options);
    const { source, target, sourceLengths, targetLengths, S, U } = stream.next();
    const ids = [...source.subarray(0, sourceLengths[0])];
    expect(ids.indexOf(EOS_ID)).toBe(ids.length - 1);
    const sentences = [...new Set(ids.slice(0, -1))];
    expect(sentences.length).toBeGreaterThan(1);
    const translated = [...new Set(target.subarray(0, targetLengths[0] - 1))];
    expect(translated).toEqual(sentences.map((id) => id + 900));
    expect(Math.max(S, U)).toBeLessThanOrEqual(96);
  });

  test("goes on from a saved place with the very same batches, also into the next epoch", () => {
    const parts = [randomPart("a", 400, 1, 0.3), randomPart("b", 300, 0.25, 0)];
    const stream = new BatchStream(parts, options);
    for (let count = 0; count < 5; count += 1) stream.next();
    const saved = JSON.parse(JSON.stringify(stream.state));
    const rest = Array.from({ length: stream.batchesInEpoch + 3 }, () => stream.next());
    const resumed = new BatchStream(parts, options, saved);
    expect(Array.from({ length: rest.length }, () => resumed.next())).toEqual(rest);
    expect(rest.at(-1)?.epoch).toBe(1);

    const ended = new BatchStream(parts, options, { seed: 3, epoch: 0, index: stream.batchesInEpoch });
    expect([ended.next().epoch, ended.state.index]).toEqual([1, 1]);
  });

  test("counts what an epoch holds", () => {
    const stream = new BatchStream([randomPart("a", 400)], { ...options, maximumTokens: 24 });
    const statistics = stream.statistics();
    expect(statistics.examples + statistics.tooLong).toBe(400);
    expect(statistics.tooLong).toBeGreaterThan(0);
    let tokens = 0;
    let places = 0;
    for (let count = stream.batchesInEpoch; count > 0; count -= 1) {
      const batch = stream.next();
      places += batch.source.length + batch.target.length;
      for (const length of [...batch.sourceLengths, ...batch.targetLengths]) tokens += length;
    }
    expect(statistics.sourceTokens + statistics.targetTokens).toBe(tokens);
    expect(statistics.padding).toBeCloseTo(1 - tokens / places, 12);
  });

  test("refuses a place of another seed or past the epoch's end, and an empty epoch", () => {
    const parts = [randomPart("a", 40)];
    expect(() => new BatchStream(parts, options, { seed: 4, epoch: 0, index: 0 })).toThrow(/seed 4/);
    expect(() => new BatchStream(parts, options, { seed: 3, epoch: 0, index: 9999 })).toThrow(/does not exist/);
    expect(() => new BatchStream(parts, { ...options, maximumTokens: 1 })).toThrow(/no training pair/);
  });
});

test("a batch holds rows of like length of all corpora, each about as many as its weight says", () => {
  const parts = [randomPart("a", 2000, 2, 0.2), randomPart("b", 2000, 0.5), randomPart("c", 4000, 0.25)];
  const stream = new BatchStream(parts, { ...options, paddedTokens: 2048, multiple: 1 });
  const seen = new Map<TrainPart, number>();
  let rows = 0;
  let wrong = 0;
  let padding = 0;
  for (let count = stream.batchesInEpoch; count > 0; count -= 1) {
    const batch = stream.next();
    rows += batch.rows;
    padding += batch.target.filter((id) => id === PAD_ID).length / batch.target.length / stream.batchesInEpoch;
    const own = parts.map((part) => batch.examples.filter((example) => example.part === part).length);
    for (const [at, part] of parts.entries()) seen.set(part, (seen.get(part) ?? 0) + own[at]!);
    if (batch.rows >= 60 && own.includes(0)) wrong += 1; // long rows are few, and mostly joined ones of a
  }
  expect(wrong).toBe(0);
  expect(padding).toBeLessThan(0.05);
  expect([seen.get(parts[1]!), seen.get(parts[2]!)]).toEqual([1000, 1000]);
  expect(seen.get(parts[0]!)).toBeGreaterThan(3000); // 4000 sentences, some of them joined
  expect(rows).toBe([...seen.values()].reduce((sum, count) => sum + count, 0));
});

describe("BPE-dropout", () => {
  const sentences = [
    "the lower tower",
    "the newest flower is lower",
    "a tower grows",
    "the widest shower of all towers",
  ];
  const counter = new PieceCounter();
  for (const sentence of sentences) counter.add(sentence, 20);
  const { tokenizer } = learnVocabulary(counter.counts(), { size: 80, minimumCount: 1 });
  const subwords = new SubwordDropout(tokenizer);
  const sequences = (texts: readonly string[]) => {
    const builder = new SequencesBuilder();
    for (const text of texts) builder.add(tokenizer.encode(text));
    return builder.build();
  };
  const shard = { name: "words", source: sequences(sentences), target: sequences([...sentences].reverse()) };
  const parts: TrainPart[] = [{ shard, weight: 8, join: 0.3, prefix: [13] }];
  const rowsOf = (ids: Int32Array, lengths: Int32Array) =>
    Array.from(lengths, (length, row) =>
      Array.from(ids.subarray((row * ids.length) / lengths.length, (row * ids.length) / lengths.length + length)),
    );
  const texts = (stream: BatchStream) => {
    const batch = stream.next();
    const sides = [rowsOf(batch.source, batch.sourceLengths), rowsOf(batch.target, batch.targetLengths)];
    return { batch, texts: sides.map((rows) => rows.map((row) => tokenizer.decode(row))) };
  };

  test("cuts the sides that have a rate, after the prefix, and goes on from a saved place the same", () => {
    const plain = new BatchStream(parts, options);
    const stream = new BatchStream(parts, { ...options, bpeDropout: { source: 0.3, target: 0, subwords } });
    const [own, cut] = [texts(plain), texts(stream)];
    expect(cut.texts).toEqual(own.texts);
    expect(cut.batch.target).toEqual(own.batch.target);
    expect(cut.batch.sourceLengths).not.toEqual(own.batch.sourceLengths);
    for (const row of rowsOf(cut.batch.source, cut.batch.sourceLengths)) {
      expect(row[0]).toBe(13);
      expect(row.at(-1)).toBe(EOS_ID);
    }
    const place = stream.state;
    const rest = Array.from({ length: stream.batchesInEpoch + 2 }, () => stream.next());
    const resumed = new BatchStream(parts, { ...options, bpeDropout: { source: 0.3, target: 0, subwords } }, place);
    expect(Array.from({ length: rest.length }, () => resumed.next())).toEqual(rest);
    // another epoch cuts the same sentence otherwise
    const sources = rest.flatMap(({ source, sourceLengths }) => rowsOf(source, sourceLengths));
    expect(new Set(sources.map(String)).size).toBeGreaterThan(
      new Set(sources.map((row) => tokenizer.decode(row))).size,
    );
  });

  test("a row that would be too long, or whose target CTC could not reach, keeps its own tokens", () => {
    const longest = Math.max(...sentences.map((sentence) => tokenizer.encode(sentence).length)) + 6;
    const alone: TrainPart[] = [{ shard, weight: 8, join: 0 }];
    const bounded = { ...options, maximumTokens: longest, bpeDropout: { source: 0.2, target: 0.2, subwords } };
    const stream = new BatchStream(alone, bounded);
    let other = 0;
    let all = 0;
    for (let count = stream.batchesInEpoch; count > 0; count -= 1) {
      const batch = stream.next();
      expect(Math.max(batch.S, batch.U) - 3).toBeLessThanOrEqual(longest); // padded to a multiple of 4
      for (const lengths of [batch.sourceLengths, batch.targetLengths])
        for (const length of lengths) expect(length).toBeLessThanOrEqual(longest);
      const own = rowsOf(batch.source, batch.sourceLengths).filter(
        (row) => String(row.slice(0, -1)) !== String(tokenizer.encode(tokenizer.decode(row))),
      );
      other += own.length;
      all += batch.rows;
    }
    expect(other).toBeGreaterThan(0);
    expect(other).toBeLessThan(all);
    const tight = { ...options, slotsPerToken: 1, bpeDropout: { source: 0, target: 0.5, subwords } };
    const ctc = new BatchStream(alone, tight);
    for (let count = ctc.batchesInEpoch; count > 0; count -= 1) {
      const batch = ctc.next();
      for (const [row, target] of rowsOf(batch.target, batch.targetLengths).entries()) {
        const labels = target.slice(0, -1);
        const repeats = labels.filter((id, at) => id === labels[at - 1]).length;
        expect(labels.length + repeats).toBeLessThanOrEqual(batch.sourceLengths[row]!);
      }
    }
  });
});
