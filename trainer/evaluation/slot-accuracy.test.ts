import * as ort from "onnxruntime-node";
import { expect, test } from "vitest";
import { smallStudent, studentWeights } from "../export/small-student.testing.ts";
import { type SentencePair, slotAccuracy } from "./slot-accuracy.ts";

const architecture = { ...smallStudent, vocabulary: 24 };
const EOS = 2;

/** Weights whose slots all say `id`, whatever they see: the output bias decides. */
function saying(id: number) {
  const { weights } = studentWeights(architecture);
  const bias = new Float32Array(architecture.vocabulary);
  bias[id] = 1e4;
  return new Map(weights).set("output.bias", bias);
}

const measure = (id: number, pairs: readonly SentencePair[], blankBias = 0) =>
  slotAccuracy(ort, architecture, saying(id), pairs, { wait: 1, blankBias, threads: 1 });

test("counts against the best alignment, tokens apart, and the room that references need", async () => {
  // 4 slots each: the first reference needs 1, the second 2 and a blank between them
  const pairs = [
    { source: [16, EOS], target: [20, EOS] },
    { source: [16, EOS], target: [20, 20, EOS] },
  ];
  const found = await measure(20, pairs);
  expect(found.pressure).toBeCloseTo(4 / 8);
  expect(found.infeasible).toBe(0);
  // all four slots of the first are the token; of the second's one must be blank
  expect(found.accuracy).toBeCloseTo(7 / 8);
  expect(found.tokenAccuracy).toBe(1);
});

test("a reference that has no path counts as infeasible and in nothing else", async () => {
  const found = await measure(20, [{ source: [EOS], target: [20, 20, EOS] }]);
  expect(found).toEqual({ accuracy: 0, tokenAccuracy: 0, pressure: 1.5, infeasible: 1 });
});

test("the blank's bias is taken from its logit", async () => {
  const pairs = [{ source: [16, EOS], target: [20, EOS] }];
  expect((await measure(4, pairs)).tokenAccuracy).toBe(0);
  const { weights } = studentWeights(architecture);
  const with20 = new Map(weights).set(
    "output.bias",
    Float32Array.from({ length: 24 }, (_, id) => (id === 20 ? 5e3 : id === 4 ? 1e4 : 0)),
  );
  const biased = await slotAccuracy(ort, architecture, with20, pairs, { wait: 1, blankBias: 1e4, threads: 1 });
  expect(biased.tokenAccuracy).toBe(1);
});
