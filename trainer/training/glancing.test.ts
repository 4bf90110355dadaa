import * as ort from "onnxruntime-node";
import { expect, test } from "vitest";
import { collapse } from "../losses/brute-force-ctc.testing.ts";
import { formulaWeights } from "../networks/formula-weights.testing.ts";
import { Random } from "../random.ts";
import { GlancingPass, glanceFeeds, glancingRatio, noGlance } from "./glancing.ts";
import { studentFeeds, studentTrainingGraph } from "./student-graph.ts";
import type { Feeds } from "./training-step.ts";

const BLANK = 4;
const architecture = {
  width: 8,
  heads: 2,
  feedForward: 8,
  encoderLayers: 1,
  decoderLayers: 1,
  vocabulary: 20,
  maxPositions: 8,
  slotsPerToken: 2,
};

// the second row's four equal labels do not go into its six slots
const batch = studentFeeds(
  ort,
  {
    source: Int32Array.of(16, 17, 18, 2, 19, 16, 2, 0),
    target: Int32Array.of(17, 17, 2, 0, 0, 18, 18, 18, 18, 2),
    sourceLengths: Int32Array.of(4, 3),
    targetLengths: Int32Array.of(3, 5),
    rows: 2,
    S: 4,
    U: 5,
  },
  Int32Array.of(1, 3),
  architecture.slotsPerToken,
);

const numbers = (feeds: Feeds, name: string): number[] => {
  const data = feeds[name]!.data;
  if (!(data instanceof BigInt64Array || data instanceof Uint8Array)) throw new Error(name);
  return Array.from<number | bigint, number>(data, Number);
};

test("the ratio falls in a line and stays at its end", () => {
  const settings = { start: 0.5, end: 0.3 };
  expect([0, 50, 100, 200].map((step) => glancingRatio(settings, step, 100))).toEqual([0.5, 0.4, 0.3, 0.3]);
});

test("a feasible row is shown its alignment; nothing behind its slots, nothing of a row that CTC leaves out", async () => {
  const { parameters } = studentTrainingGraph(architecture, { dropout: 0, glancing: false });
  const weights = formulaWeights(parameters.specs);
  const tensors: Feeds = {};
  for (const { name, shape } of parameters.specs) tensors[name] = new ort.Tensor("float32", weights.get(name)!, shape);
  const pass = await GlancingPass.create(ort, architecture, 1);
  // a ratio that shows every slot even where the first pass is right nearly everywhere
  const feeds = await pass.glance(batch, tensors, 1e6, new Random(1));
  await pass.dispose();
  const [ids, mask] = [numbers(feeds, "glance_ids"), numbers(feeds, "glance_mask")];
  expect(collapse(ids.slice(0, 8), BLANK)).toEqual([17, 17]);
  expect(mask).toEqual([1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
});

test("the share that is shown is the ratio times the share of wrong slots", () => {
  const T = 4000;
  const parts = {
    slotLengths: Int32Array.of(T, T),
    T,
    labels: { ...batch.labels, feasible: Uint8Array.of(1, 1) },
  };
  const aligned = new Int32Array(2 * T).fill(BLANK);
  const best = new BigInt64Array(2 * T).fill(BigInt(BLANK));
  best.fill(17n, 0, T / 2); // half of the first row is wrong, nothing of the second
  const mask = numbers(glanceFeeds(ort, parts, aligned, best, 0.5, new Random(1)), "glance_mask");
  const shown = mask.slice(0, T).reduce((sum, value) => sum + value, 0) / T;
  expect(Math.abs(shown - 0.25)).toBeLessThan(0.02);
  expect(mask.slice(T)).toEqual(Array.from({ length: T }, () => 0));
});

test("without glancing the mask is empty", () => {
  const feeds = noGlance(ort, batch);
  expect(feeds.glance_mask!.dims).toEqual([2, 8]);
  expect(numbers(feeds, "glance_mask").every((value) => value === 0)).toBe(true);
});
