import * as ort from "onnxruntime-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BOS_ID, EOS_ID, SPECIAL_TOKENS } from "../../models/vocabulary.ts";
import { type OpenGraph, openGraph } from "../graph/evaluate-graph.testing.ts";
import { Graph } from "../graph/graph.ts";
import * as op from "../graph/ops.ts";
import { noDropout } from "../networks/dropout.ts";
import { formulaWeights } from "../networks/formula-weights.testing.ts";
import { Parameters, type Weights } from "../networks/parameters.ts";
import { teacherForcedLogits } from "../networks/transformer.ts";
import { BeamSearch, type BeamSearchSettings, type Hypothesis, translateAll } from "./beam-search.ts";

/** Three words beside the special tokens: few enough to try every hypothesis. */
const WORDS = [16, 17, 18];
const V = SPECIAL_TOKENS.length + WORDS.length;
const architecture = {
  ...{ width: 8, heads: 2, feedForward: 12, encoderLayers: 2, decoderLayers: 2 },
  ...{ vocabulary: V, maxPositions: 24 },
};

/** Log-probabilities of whole prefixes, without caches: what training computes. */
interface Scorer {
  /** After each prefix, the log-probability of every id; ids that are never written have none. */
  after(source: readonly number[], prefixes: readonly (readonly number[])[]): Promise<Map<number, number>[]>;
}

let weights: Weights;
let scorer: Scorer;
let open: OpenGraph;

beforeAll(async () => {
  const graph = new Graph();
  const declared = new Parameters(graph);
  const context = { ...architecture, parameters: declared, dropout: noDropout };
  const logits = teacherForcedLogits(
    context,
    architecture,
    graph.input("source", "int64", ["B", "S"]),
    graph.input("source_lengths", "int64", ["B"]),
    graph.input("target_in", "int64", ["B", "U"]),
  );
  weights = formulaWeights(declared.specs);
  // The end is made a little likelier, or hypotheses would all run to their limit.
  weights.get("output.bias")![EOS_ID]! += 0.5;
  open = await openGraph(graph, { logits: op.reshape(logits, ["B*U", V], [-1, V]) });
  const parameters = Object.fromEntries(
    declared.specs.map(({ name, shape }) => [name, { data: weights.get(name)!, dims: shape }]),
  );
  scorer = {
    async after(source, prefixes) {
      const rows = prefixes.length;
      const U = prefixes[0]!.length + 1;
      const { logits: found } = await open.run({
        ...parameters,
        source: { data: prefixes.flatMap(() => [...source, EOS_ID]), dims: [rows, source.length + 1] },
        source_lengths: { data: prefixes.map(() => source.length + 1), dims: [rows] },
        target_in: { data: prefixes.flatMap((prefix) => [BOS_ID, ...prefix]), dims: [rows, U] },
      });
      return prefixes.map((_, row) => {
        const last = Array.from(found!.data).slice((row * U + U - 1) * V, (row * U + U) * V);
        const written = [EOS_ID, ...WORDS];
        const total = written.reduce((sum, id) => sum + Math.exp(last[id]!), 0);
        return new Map(written.map((id) => [id, last[id]! - Math.log(total)]));
      });
    },
  };
});
afterAll(() => open.release());

const plain: BeamSearchSettings = { beam: 1, lengthPenalty: 0, maxLengthRatio: 1 };

async function search(
  sources: readonly (readonly number[])[],
  changes: Partial<BeamSearchSettings> = {},
  sizes = architecture,
  from = weights,
): Promise<Hypothesis[][]> {
  const beams = await BeamSearch.create(ort, sizes, from, { ...plain, ...changes });
  try {
    return await beams.search(sources);
  } finally {
    await beams.dispose();
  }
}

const idsOf = (hypotheses: readonly Hypothesis[]) => hypotheses.map(({ ids }) => ids);

/** The likeliest id, again and again, each time from the whole prefix. */
async function greedy(source: readonly number[], limit: number): Promise<{ ids: number[]; logProbability: number }> {
  const ids: number[] = [];
  let logProbability = 0;
  while (ids.length < limit) {
    const [next] = await scorer.after(source, [ids]);
    const [id, score] = [...next!].reduce((best, item) => (item[1] > best[1] ? item : best));
    logProbability += score;
    if (id === EOS_ID) break;
    ids.push(id);
  }
  return { ids, logProbability };
}

/** Every hypothesis of at most `longest` words that ends, likeliest first. */
async function everyHypothesis(source: readonly number[], longest: number) {
  const all: { ids: number[]; logProbability: number }[] = [];
  let prefixes: typeof all = [{ ids: [], logProbability: 0 }];
  for (let length = 0; length <= longest; length += 1) {
    const inputs = prefixes.map(({ ids }) => ids);
    const found = await scorer.after(source, inputs);
    const next: typeof all = [];
    for (const [place, { ids, logProbability }] of prefixes.entries()) {
      const scores = found[place]!;
      all.push({ ids, logProbability: logProbability + scores.get(EOS_ID)! });
      for (const word of WORDS) next.push({ ids: [...ids, word], logProbability: logProbability + scores.get(word)! });
    }
    prefixes = next;
  }
  return all.sort((a, b) => b.logProbability - a.logProbability);
}

const sources = [[16, 17, 18, 16], [18], [17, 17, 16, 18, 18, 17], [16, 18]];
/** Positions for three words: two and their end. */
const SHORT = { ...architecture, maxPositions: 4 };
/** Hypotheses of at most two words: 1 + 3 + 9. */
const ALL = 13;
/** As many beams as the last step has candidates, 9 prefixes by 4 ids, so that nothing is left out. */
const WIDE = 36;

describe("beam search", () => {
  test("with one beam is greedy search without a cache", async () => {
    const found = await search(sources);
    for (const [place, source] of sources.entries()) {
      const expected = await greedy(source, source.length + 1 + 10);
      expect(found[place]![0]!.ids, source.join()).toEqual(expected.ids);
      expect(found[place]![0]!.logProbability).toBeCloseTo(expected.logProbability, 4);
    }
    expect(new Set(found.map(([best]) => best!.ids.join())).size, "they are not all alike").toBeGreaterThan(1);
  });

  test("with beams enough for everything finds every hypothesis, the best first", async () => {
    for (const source of [[16, 17, 18], [18], []]) {
      const all = await everyHypothesis(source, 2);
      const [found] = await search([source], { beam: WIDE }, SHORT);
      expect(found!.map(({ ids }) => ids)).toEqual(all.map(({ ids }) => ids));
      for (const [rank, { logProbability, score }] of found!.entries()) {
        expect(logProbability).toBeCloseTo(all[rank]!.logProbability, 4);
        expect(score).toBe(logProbability);
      }
    }
  });

  test("gives a row what it gives it alone, whatever the batch", async () => {
    const together = await search([...sources, ...sources.toReversed()], { beam: 3 });
    expect(together.slice(4).toReversed().map(idsOf)).toEqual(together.slice(0, 4).map(idsOf));
    for (const [place, source] of sources.entries()) {
      const [alone] = await search([source], { beam: 3 });
      expect(idsOf(together[place]!), source.join()).toEqual(idsOf(alone!));
      for (const [rank, { score }] of alone!.entries()) expect(together[place]![rank]!.score).toBeCloseTo(score, 4);
    }
  });

  test("divides by ((5 + length) / 6)^α, the end counted in the length", async () => {
    const source = [16, 17, 18];
    for (const lengthPenalty of [0.6, 5]) {
      const [found] = await search([source], { beam: WIDE, lengthPenalty }, SHORT);
      expect(found, "all that ended, and none of the 27 that the limit cut").toHaveLength(ALL);
      for (const { ids, logProbability, score } of found!) {
        expect(score).toBeCloseTo(logProbability / ((5 + ids.length + 1) / 6) ** lengthPenalty, 6);
      }
      expect(found!.map(({ score }) => score)).toEqual(found!.map(({ score }) => score).sort((a, b) => b - a));
    }
    const best = async (lengthPenalty: number) =>
      (await search([source], { beam: WIDE, lengthPenalty }, SHORT))[0]![0]!.ids.length;
    expect(await best(-5)).toBe(0);
    expect(await best(5)).toBe(2);
  });

  test("writes at most the ratio times the source's tokens and 10 more, or what positions allow", async () => {
    const endless: Weights = new Map(weights).set("output.bias", weights.get("output.bias")!.slice());
    endless.get("output.bias")![EOS_ID] = -30;
    const longest = async (settings: Partial<BeamSearchSettings>, sizes = architecture) =>
      (await search([[16, 17, 18]], settings, sizes, endless))[0]!.map(({ ids }) => ids.length);
    expect(await longest({ beam: 2, maxLengthRatio: 0.5 })).toEqual([12, 12]); // ceil(0.5 · 4) + 10
    expect(await longest({ beam: 2, maxLengthRatio: 3 })).toEqual([22, 22]);
    expect(await longest({ beam: 2, maxLengthRatio: 3 }, { ...architecture, maxPositions: 12 })).toEqual([11, 11]);
  });

  test("translates nothing, and no sentences at all", async () => {
    const [found] = await search([[]], { beam: 2 });
    expect(found!.length).toBeGreaterThan(0);
    for (const { ids, logProbability } of found!) {
      let sum = 0;
      for (const [place, id] of [...ids, EOS_ID].entries()) {
        sum += (await scorer.after([], [ids.slice(0, place)]))[0]!.get(id)!;
      }
      expect(logProbability).toBeCloseTo(sum, 4);
    }
    expect(await search([])).toEqual([]);
  });
});

describe("translateAll", () => {
  test("keeps the order of the sentences, in batches of like length", async () => {
    const beams = await BeamSearch.create(ort, architecture, weights, { ...plain, beam: 2 });
    const done: number[] = [];
    const found = await translateAll(beams, sources, 9, (count) => done.push(count));
    const alone = await Promise.all(sources.map(async (source) => (await beams.search([source]))[0]!));
    await beams.dispose();
    expect(found.map(idsOf)).toEqual(alone.map(idsOf));
    expect(done).toEqual([1, 2, 4]); // of 7, 5, 3 and 2 tokens; at most 9 padded ones in a batch
  });
});
