import * as ort from "onnxruntime-node";
import { beforeAll, expect, test } from "vitest";
import { EOS_ID, SPECIAL_TOKENS } from "../../models/vocabulary.ts";
import { formulaWeights } from "../networks/formula-weights.testing.ts";
import { teacherTrainingGraph } from "../training/teacher-graph.ts";
import { TeacherForcing } from "./teacher-forcing.ts";
import type { TransformerNetwork } from "./text-model.ts";
import { TransformerScorer } from "./transformer-scorer.ts";

const V = SPECIAL_TOKENS.length + 3;
const architecture = {
  ...{ width: 8, heads: 2, feedForward: 12, encoderLayers: 1, decoderLayers: 1 },
  ...{ vocabulary: V, maxPositions: 24 },
};
let network: TransformerNetwork;

beforeAll(() => {
  const { specs } = teacherTrainingGraph(architecture, { dropout: 0, labelSmoothing: 0 }).parameters;
  network = { architecture, weights: formulaWeights(specs) };
});

const pairs = [
  { source: [16, 17, 18], target: [18, 16] },
  { source: [17], target: [] },
  { source: [], target: [16, 16, 17, 18] },
];

test("gives at each position what a step of the decoder gives there, row for row", async () => {
  const forcing = await TeacherForcing.create(network, V);
  const found = await forcing.distributions(pairs);
  expect(await forcing.distributions([])).toEqual([]);
  await forcing.dispose();
  const scorer = await TransformerScorer.create(ort, architecture, network.weights, { candidates: "all" });
  for (const [row, { source, target }] of pairs.entries()) {
    const { positions, ids, logProbabilities } = found[row]!;
    expect(positions).toBe(target.length + 1);
    const decoding = await scorer.open([source], 1);
    for (let position = 0; position < positions; position += 1) {
      const tokens = [position === 0 ? EOS_ID : target[position - 1]!];
      const step = await decoding.next({ tokens, order: [0], keep: [0] });
      const at = new Map(
        Array.from({ length: V }, (_, place) => [ids[position * V + place]!, logProbabilities[position * V + place]!]),
      );
      // The search leaves out the special tokens: what both know is compared up to their share.
      const words = [EOS_ID, 16, 17, 18];
      const share = Math.log(words.reduce((sum, id) => sum + Math.exp(at.get(id)!), 0));
      for (const id of words) expect(at.get(id)! - share).toBeCloseTo(step.logProbabilities[id]!, 4);
    }
  }
  await scorer.release();
});

test("keeps the k likeliest, best first, out of a distribution that sums to 1", async () => {
  const [all, some] = [await TeacherForcing.create(network, V), await TeacherForcing.create(network, 3)];
  const [whole] = await all.distributions(pairs);
  const [best] = await some.distributions(pairs);
  await all.dispose();
  await some.dispose();
  for (let position = 0; position < 3; position += 1) {
    const row = whole!.logProbabilities.subarray(position * V, (position + 1) * V);
    expect(row.reduce((sum, value) => sum + Math.exp(value), 0)).toBeCloseTo(1, 5);
    const kept = best!.logProbabilities.subarray(position * 3, (position + 1) * 3);
    for (const [place, value] of kept.entries()) expect(value).toBeCloseTo(row[place]!, 5);
    expect([...row]).toEqual([...row].sort((a, b) => b - a));
  }
});
