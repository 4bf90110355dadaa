import * as ort from "onnxruntime-node";
import { beforeAll, describe, expect, test } from "vitest";
import { EOS_ID, SPECIAL_TOKENS } from "../../models/vocabulary.ts";
import { formulaWeights } from "../networks/formula-weights.testing.ts";
import type { Weights } from "../networks/parameters.ts";
import { Random } from "../random.ts";
import { teacherTrainingGraph } from "../training/teacher-graph.ts";
import { BeamSearch, inBatches } from "./beam-search.ts";
import { Sampler, type SamplingSettings } from "./sampler.ts";
import type { AutoregressiveScorer } from "./scorer.ts";
import { TransformerScorer } from "./transformer-scorer.ts";

const V = SPECIAL_TOKENS.length + 3;
const architecture = {
  ...{ width: 8, heads: 2, feedForward: 12, encoderLayers: 1, decoderLayers: 1 },
  ...{ vocabulary: V, maxPositions: 24 },
};
const sources = [[16, 17, 18, 16], [18], [17, 17, 16, 18, 18, 17], [16, 18], []];
let weights: Weights;

beforeAll(() => {
  const { specs } = teacherTrainingGraph(architecture, { dropout: 0, labelSmoothing: 0 }).parameters;
  weights = formulaWeights(specs);
  weights.get("output.bias")![EOS_ID]! += 0.5;
});

const all: SamplingSettings = { temperature: 1, topK: 0, maxLengthRatio: 1 };
const drawFor = (sentence: number) => new Random(1, "a corpus", sentence);

async function sampled(settings: SamplingSettings, batchTokens: number, randomOf = drawFor) {
  const candidates = settings.topK === 0 ? "all" : settings.topK;
  const sampler = new Sampler(await TransformerScorer.create(ort, architecture, weights, { candidates }), settings);
  try {
    return await inBatches(sources, batchTokens, (batch, places) => sampler.sample(batch, places.map(randomOf)));
  } finally {
    await sampler.dispose();
  }
}

/** A model that gives these probabilities to ids 10 to 12 and to the end (13), whatever was written. */
function constantScorer(probabilities: readonly number[], longest: number): AutoregressiveScorer {
  const ids = probabilities.map((_, place) => 10 + place);
  return {
    endId: 13,
    longest,
    open: async () => ({
      next: async ({ tokens }) => ({
        count: ids.length,
        ids: tokens.flatMap(() => ids),
        logProbabilities: Float32Array.from(tokens.flatMap(() => probabilities.map(Math.log))),
      }),
    }),
    release: async () => {},
  };
}

describe("sampling", () => {
  test("draws the same for a sentence whatever is in its batch", async () => {
    const together = await sampled(all, 1000);
    const alone = await sampled(all, 1);
    expect(alone.map(({ ids }) => ids)).toEqual(together.map(({ ids }) => ids));
    expect(new Set(together.map(({ ids }) => ids.join())).size).toBeGreaterThan(1);
    const others = await sampled(all, 1000, (sentence) => new Random(2, "a corpus", sentence));
    expect(others.map(({ ids }) => ids)).not.toEqual(together.map(({ ids }) => ids));
  });

  test("never writes a special token", async () => {
    for (const { ids } of await sampled({ ...all, temperature: 50, maxLengthRatio: 4 }, 1000))
      for (const id of ids) expect(id).toBeGreaterThanOrEqual(SPECIAL_TOKENS.length);
  });

  test("from one candidate is greedy search, with its log-probability", async () => {
    const settings = { beam: 1, lengthPenalty: 0, maxLengthRatio: 1 };
    const search = await BeamSearch.create(ort, architecture, weights, settings);
    const greedy = await search.search(sources);
    await search.dispose();
    for (const [place, { ids, logProbability }] of (await sampled({ ...all, topK: 1 }, 1000)).entries()) {
      expect(ids).toEqual(greedy[place]![0]!.ids);
      expect(logProbability).toBeCloseTo(greedy[place]![0]!.logProbability, 4);
    }
  });

  test.each([
    { temperature: 1, expected: [0.5, 0.3, 0.15, 0.05] },
    { temperature: 2, expected: [0.5, 0.3, 0.15, 0.05].map((p) => Math.sqrt(p) / 1.8657) },
    { temperature: 0.5, expected: [0.5, 0.3, 0.15, 0.05].map((p) => p ** 2 / 0.365) },
  ])("draws in proportion to p^(1/T), T = $temperature", async ({ temperature, expected }) => {
    const sampler = new Sampler(constantScorer([0.5, 0.3, 0.15, 0.05], 1), { ...all, temperature });
    const count = 4000;
    const randoms = Array.from({ length: count }, (_, place) => new Random(3, place));
    const drawn = await sampler.sample(new Array(count).fill([1]), randoms);
    const share = (id: number | undefined) => drawn.filter(({ ids }) => ids[0] === id).length / count;
    // Four standard deviations of a share of 4000 draws are at most 0.032.
    for (const [place, probability] of expected.entries())
      expect(Math.abs(share(place === 3 ? undefined : 10 + place) - probability)).toBeLessThan(0.032);
    for (const { ids, logProbability } of drawn) {
      const place = ids.length === 0 ? 3 : ids[0]! - 10;
      expect(logProbability, "at temperature 1").toBeCloseTo(Math.log([0.5, 0.3, 0.15, 0.05][place]!), 5);
    }
  });

  test("stops at the longest length, and translates no sentences at all", async () => {
    const sampler = new Sampler(constantScorer([0.4, 0.3, 0.3, 0], 50), { ...all, maxLengthRatio: 2 });
    const [hypothesis] = await sampler.sample([[1, 2, 3]], [new Random(4)]);
    expect(hypothesis!.ids).toHaveLength(2 * 4 + 10);
    expect(await sampler.sample([], [])).toEqual([]);
  });
});
