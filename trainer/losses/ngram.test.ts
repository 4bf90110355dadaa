import { describe, expect, test } from "vitest";
import { backward } from "../graph/backward.ts";
import {
  centralDifferences,
  largestDifference,
  openGraph,
  type Sample,
  variable,
} from "../graph/evaluate-graph.testing.ts";
import { Graph, type Value } from "../graph/graph.ts";
import * as op from "../graph/ops.ts";
import { Random } from "../random.ts";
import { collapse, logSoftmaxRows } from "./brute-force-ctc.testing.ts";
import reference from "./fixtures/ngram-torch.json" with { type: "json" };
import { expectedLagging, expectedOutput, ngramOverlap } from "./ngram.ts";
import { ngramLabels } from "./ngram-labels.ts";

// B rows, T slots, U labels, V vocabulary.

const V = 4;
const BLANK = 1;
const SLOTS_PER_TOKEN = 2;

interface Row {
  readonly labels: readonly number[];
  readonly slots: number;
  readonly wait: number;
}

/** The graph of everything that the objective is made of, and the gradient of a weighted sum of it. */
async function open(vocabulary: number, blank: number, slotsPerToken: number) {
  const graph = new Graph();
  const logits = variable(graph, "logits", ["B*T", vocabulary]);
  const sizes = graph.input("sizes", "int64", [2]);
  const slotLengths = graph.input("slot_lengths", "int64", ["B"]);
  const probabilities = op.softmax(logits);
  const expected = expectedOutput({ probabilities, slotLengths, blank, vocabulary, sizes });
  const floats = (name: string) => graph.input(name, "float32", ["B", "U"]);
  const { unigram, bigram } = ngramOverlap({
    ...{ probabilities, expected, sizes, tokens: graph.input("target", "int64", ["B", "U"]) },
    ...{ unigrams: floats("unigrams"), bigrams: floats("bigrams"), doubled: floats("doubled") },
  });
  const rowInts = (name: string) => graph.input(name, "int64", ["B"]);
  const lagging = expectedLagging({
    ...{ expected, sizes, slotsPerToken },
    ...{ sourceLengths: rowInts("source_lengths"), targetLengths: rowInts("target_lengths"), waits: rowInts("waits") },
  });
  const terms: [Value, number][] = [
    [unigram, -0.5],
    [bigram, -1.3],
    [lagging, 0.2],
  ];
  const loss = terms.map(([value, weight]) => op.sumAll(op.mul(value, weight))).reduce((a, b) => op.add(a, b));
  const gradient = backward(loss, [logits]).get(logits)!;
  const { tokens, pairs } = expected;
  return openGraph(graph, { loss, gradient, unigram, bigram, lagging, tokens, pairs });
}

function samplesOf(rows: readonly Row[], logits: ArrayLike<number>, vocabulary: number, slotsPerToken: number) {
  const B = rows.length;
  const T = Math.max(...rows.map(({ slots }) => slots));
  const U = Math.max(...rows.map(({ labels }) => labels.length)) + 1; // a place of padding
  const target = new Int32Array(B * U).fill(2);
  rows.forEach(({ labels }, row) => {
    target.set(labels, row * U);
  });
  const lengths = Int32Array.from(rows, ({ labels }) => labels.length);
  const made = ngramLabels(target, lengths, B, U, 0);
  const byRow = (of: (row: Row) => number): Sample => ({ data: rows.map(of), dims: [B] });
  return {
    logits: { data: logits, dims: [B * T, vocabulary] },
    sizes: { data: [B, T], dims: [2] },
    slot_lengths: byRow(({ slots }) => slots),
    source_lengths: byRow(({ slots }) => slots / slotsPerToken),
    target_lengths: byRow(({ labels }) => labels.length),
    waits: byRow(({ wait }) => wait),
    target: { data: Array.from(made.tokens, Number), dims: [B, U] },
    unigrams: { data: made.unigrams, dims: [B, U] },
    bigrams: { data: made.bigrams, dims: [B, U] },
    doubled: { data: made.doubled, dims: [B, U] },
  };
}

const pairsOf = (ids: readonly number[]): string[] => ids.slice(1).map((id, place) => `${ids[place]} ${id}`);
function counts(ngrams: readonly (string | number)[]): Map<string, number> {
  const found = new Map<string, number>();
  for (const ngram of ngrams) found.set(`${ngram}`, (found.get(`${ngram}`) ?? 0) + 1);
  return found;
}

/** The same quantities from every path of slot ids, each with its probability. */
function bruteForce(slots: readonly (readonly number[])[], row: Row) {
  const T = slots.length;
  const expected = { unigrams: new Map<string, number>(), bigrams: new Map<string, number>() };
  const totals = { tokens: 0, pairs: 0 };
  const emitted = slots.map(() => 0);
  for (let code = 0; code < V ** T; code += 1) {
    const path = slots.map((_, slot) => Math.floor(code / V ** slot) % V);
    const probability = Math.exp(path.reduce((sum, id, slot) => sum + slots[slot]![id]!, 0));
    const output = collapse(path, BLANK);
    totals.tokens += probability * output.length;
    totals.pairs += probability * Math.max(0, output.length - 1);
    for (const [ngram, count] of counts(output))
      expected.unigrams.set(ngram, (expected.unigrams.get(ngram) ?? 0) + probability * count);
    for (const [ngram, count] of counts(pairsOf(output)))
      expected.bigrams.set(ngram, (expected.bigrams.get(ngram) ?? 0) + probability * count);
    path.forEach((id, slot) => {
      if (id !== BLANK && id !== path[slot - 1]) emitted[slot]! += probability;
    });
  }
  const overlap = (wanted: Map<string, number>, found: Map<string, number>, total: number) => {
    let matched = 0;
    let all = total;
    for (const [ngram, count] of wanted) {
      matched += Math.min(count, found.get(ngram) ?? 0);
      all += count;
    }
    return (2 * matched) / all;
  };
  const S = T / SLOTS_PER_TOKEN;
  const pace = S / Math.max(row.labels.length, totals.tokens);
  let before = 0;
  let lagging = 0;
  emitted.forEach((probability, slot) => {
    const read = Math.min(Math.floor(slot / SLOTS_PER_TOKEN) + row.wait, S);
    lagging += (probability * (read - before * pace)) / totals.tokens;
    before += probability;
  });
  return {
    ...totals,
    lagging,
    unigram: overlap(counts(row.labels), expected.unigrams, totals.tokens),
    bigram: overlap(counts(pairsOf(row.labels)), expected.bigrams, totals.pairs),
  };
}

const normals = (count: number, ...keys: (string | number)[]): Float32Array => {
  const random = new Random("ngram", ...keys);
  return Float32Array.from({ length: count }, () => random.normal() * 1.5);
};

const CASES: Record<string, Row[]> = {
  "one row": [{ labels: [2, 0, 3], slots: 6, wait: 1 }],
  "a pair that occurs twice": [{ labels: [2, 3, 2, 3], slots: 6, wait: 2 }],
  "equal neighbours need a blank between them": [{ labels: [3, 3, 3, 0], slots: 6, wait: 1 }],
  "rows of different lengths": [
    { labels: [2, 0], slots: 4, wait: 1 },
    { labels: [3, 2, 2, 0], slots: 6, wait: 3 },
    { labels: [0], slots: 2, wait: 1 },
  ],
  "more labels than slots": [{ labels: [2, 3, 0, 2, 3, 0, 2], slots: 4, wait: 1 }],
};

describe.each(Object.entries(CASES))("%s", (name, rows) => {
  const B = rows.length;
  const T = Math.max(...rows.map(({ slots }) => slots));
  const logits = normals(B * T * V, name);

  test("is what every path of slots says together", async () => {
    const graph = await open(V, BLANK, SLOTS_PER_TOKEN);
    const results = await graph.run(samplesOf(rows, logits, V, SLOTS_PER_TOKEN));
    const logProbabilities = logSoftmaxRows(logits, V);
    rows.forEach((row, place) => {
      const wanted = bruteForce(logProbabilities.slice(place * T, place * T + row.slots), row);
      for (const [key, value] of Object.entries(wanted))
        expect(Math.abs(results[key]!.data[place]! - value), `${key} of row ${place}`).toBeLessThan(2e-5);
    });
    await graph.release();
  });

  test("has the gradient of central differences", async () => {
    const graph = await open(V, BLANK, SLOTS_PER_TOKEN);
    const samples = samplesOf(rows, logits, V, SLOTS_PER_TOKEN);
    const { gradient } = await graph.run(samples);
    const numeric = await centralDifferences(graph, samples, "logits", "loss");
    expect(largestDifference(gradient!.data, numeric)).toBeLessThan(5e-4);
    await graph.release();
  });
});

test("PyTorch, from loops over slots in double precision, gives the same values and gradient", async () => {
  const { vocabulary, blank, slotsPerToken, rows, logits } = reference;
  const graph = await open(vocabulary, blank, slotsPerToken);
  const results = await graph.run(samplesOf(rows, logits, vocabulary, slotsPerToken));
  for (const key of ["unigram", "bigram", "lagging", "gradient"] as const)
    expect(largestDifference(results[key]!.data, reference[key]), key).toBeLessThan(2e-5);
  await graph.release();
});

test("certain slots count as their collapsed output does, and leave every number finite", async () => {
  const sure = (ids: readonly number[]) =>
    ids.flatMap((id) => Array.from({ length: V }, (_, v) => (v === id ? 200 : 0)));
  const graph = await open(V, BLANK, SLOTS_PER_TOKEN);
  const row = { labels: [2, 2, 3, 0], slots: 8, wait: 1 };
  // 2 ∅ 2 2 3 0 ∅ ∅ is the target; 2 2 ∅ ∅ 3 3 0 0 lacks one 2
  for (const [path, bigram] of [
    [[2, 1, 2, 2, 3, 0, 1, 1], 1],
    [[2, 2, 1, 1, 3, 3, 0, 0], 4 / 5],
    [[1, 1, 1, 1, 1, 1, 1, 1], 0],
  ] as const) {
    const results = await graph.run(samplesOf([row], sure(path), V, SLOTS_PER_TOKEN));
    expect(results.bigram!.data[0]).toBeCloseTo(bigram, 4);
    expect(Array.from(results.gradient!.data).every(Number.isFinite)).toBe(true);
  }
  await graph.release();
});

test("n-grams are counted where they first stand", () => {
  const made = ngramLabels(Int32Array.of(7, 8, 7, 8, 8, 9, 9, 9, 0, 0), Int32Array.of(5, 2), 2, 5, 3);
  expect(Array.from(made.tokens, Number)).toEqual([7, 8, 7, 8, 8, 9, 9, 3, 3, 3]);
  expect(Array.from(made.unigrams)).toEqual([2, 3, 0, 0, 0, 2, 0, 0, 0, 0]);
  expect(Array.from(made.bigrams)).toEqual([2, 1, 0, 1, 0, 1, 0, 0, 0, 0]);
  expect(Array.from(made.doubled)).toEqual([0, 0, 0, 1, 0, 1, 0, 0, 0, 0]);
});
