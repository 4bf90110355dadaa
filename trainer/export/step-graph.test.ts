import * as ort from "onnxruntime-node";
import { afterEach, describe, expect, test } from "vitest";
import type { StepModel } from "../../models/step-model.ts";
import { BLANK_ID, EOS_ID } from "../../models/vocabulary.ts";
import { type Wait, waitToInteger } from "../../models/wait.ts";
import { largestDifference } from "../graph/evaluate-graph.testing.ts";
import { studentStepModel } from "../stages/validation.ts";
import { type Slots, slotsInTraining, smallStudent, studentWeights } from "./small-student.testing.ts";
import type { Precision } from "./step-graph.ts";

const { weights } = studentWeights(smallStudent);
/** Source ids without their end, of several lengths, so that batches are padded. */
const sources = [[16, 20, 31, 17, 24, 39, 18], [22], [19, 19, 35, 16], [30, 21, 28, 33, 17]];

let open: StepModel[] = [];
afterEach(async () => {
  for (const model of open) await model.release();
  open = [];
});

async function stepModel(
  precision: Precision,
  blankBias = 0,
  of = { sizes: smallStudent, weights },
): Promise<StepModel> {
  const model = await studentStepModel(ort, of.sizes, of.weights, { precision, blankBias, threads: 1 });
  open.push(model);
  return model;
}

/** All slots of each source, which reads so many tokens before each step. */
async function slotsByStep(model: StepModel, all: readonly (readonly number[])[], wait: Wait, atOnce: number) {
  const rows = all.map((ids) => {
    const decoder = model.newDecoder(wait);
    return { ids: [...ids], decoder, state: model.newState(), found: { ids: [] as number[], scores: [] as number[] } };
  });
  while (rows.some(({ decoder }) => !decoder.done)) {
    const step = rows.flatMap(({ ids, decoder, state, found }) => {
      if (decoder.done) return [];
      decoder.read(ids.splice(0, atOnce));
      if (ids.length === 0) decoder.end();
      const request = decoder.next();
      return request ? [{ decoder, found, row: { ...request, state } }] : [];
    });
    const results = await model.run(step.map(({ row }) => row));
    for (const [place, { decoder, found }] of step.entries()) {
      const { slotIds, slotScores } = results[place]!;
      found.ids.push(...slotIds);
      found.scores.push(...slotScores);
      decoder.accept(results[place]!);
    }
  }
  return rows.map(({ found, state }) => ({ ...found, state: Array.from(state.sourceState) }));
}

const withEnd = (all: readonly (readonly number[])[]) => all.map((ids) => [...ids, EOS_ID]);

function expectSame(found: readonly Slots[], expected: readonly Slots[], tolerance: number): void {
  for (const [row, { ids, scores }] of expected.entries()) {
    expect(found[row]!.ids, `row ${row}`).toEqual(ids);
    expect(largestDifference(found[row]!.scores, scores), `row ${row}`).toBeLessThan(tolerance);
  }
}

describe("the step graph", () => {
  test.each([1, 2, 3, 5, "full" as const])("at wait %s gives the slots of the training pass", async (wait) => {
    const expected = await slotsInTraining(smallStudent, weights, withEnd(sources), waitToInteger(wait));
    const model = await stepModel("fp32");
    for (const atOnce of [1, 2, 100]) {
      expectSame(await slotsByStep(model, sources, wait, atOnce), expected, 1e-5);
    }
    const ids = expected.flatMap((row) => row.ids);
    expect(new Set(ids).size, "slots that differ").toBeGreaterThan(3);
  });

  test.each([
    ["one head, as wide as the model", { width: 16, heads: 1 }],
    ["heads in several groups", { width: 288, heads: 6 }],
    ["a vocabulary of a prime number", { width: 16, heads: 2, vocabulary: 41 }],
  ])("does so with %s", async (_, other) => {
    const sizes = { ...smallStudent, ...other };
    const of = { sizes, weights: studentWeights(sizes).weights };
    const expected = await slotsInTraining(sizes, of.weights, withEnd(sources), 2);
    const model = await stepModel("fp32", 0, of);
    for (const atOnce of [1, 100]) expectSame(await slotsByStep(model, sources, 2, atOnce), expected, 1e-4);
  });

  test("knows waits apart", async () => {
    const model = await stepModel("fp32");
    const [one, three] = [await slotsByStep(model, sources, 1, 1), await slotsByStep(model, sources, 3, 1)];
    expect(largestDifference(one[0]!.scores, three[0]!.scores)).toBeGreaterThan(1e-3);
  });

  test("takes the blank bias from the blank's logit alone", async () => {
    const never = await slotsByStep(await stepModel("fp32", 1000), sources, 3, 1);
    expect(never.flatMap(({ ids }) => ids)).not.toContain(BLANK_ID);
    const always = await slotsByStep(await stepModel("fp32", -1000), sources, 3, 1);
    expect(new Set(always.flatMap(({ ids }) => ids))).toEqual(new Set([BLANK_ID]));
  });
});

describe("the step graph in int8", () => {
  test("is near to fp32", async () => {
    const exact = await slotsByStep(await stepModel("fp32"), sources, 3, 1);
    const coarse = await slotsByStep(await stepModel("int8"), sources, 3, 1);
    for (const [row, { scores }] of exact.entries()) {
      const difference = largestDifference(coarse[row]!.scores, scores);
      expect(difference).toBeGreaterThan(0);
      expect(difference).toBeLessThan(0.05);
    }
  });

  test.each([1, 3, "full" as const])("at wait %s gives a row the same, whatever the batch", async (wait) => {
    const model = await stepModel("int8");
    const together = await slotsByStep(model, sources, wait, 1);
    // Other words of the same lengths beside it: to the bit, state included.
    const others = sources.map((ids, row) => (row === 2 ? ids : ids.map((id) => 16 + ((id + 7) % 24))));
    const beside = await slotsByStep(model, others, wait, 1);
    expect(beside[2]).toEqual(together[2]);
    expect(beside[0]!.scores).not.toEqual(together[0]!.scores);
    // Alone, without padding.
    for (const [row, ids] of sources.entries()) {
      expect(await slotsByStep(model, [ids], wait, 1), `row ${row}`).toEqual([together[row]!]);
    }
  });

  test.each([
    ["the shipped student's width", { width: 192, heads: 4 }],
    ["heads too wide to share a product", { width: 192, heads: 2 }],
    ["a single head", { width: 40, heads: 1 }],
  ])("gives a row the same with %s, beside rows of any length", async (_, other) => {
    const sizes = { ...smallStudent, ...other, encoderLayers: 1, decoderLayers: 1, maxPositions: 150 };
    const model = await stepModel("int8", 0, { sizes, weights: studentWeights(sizes).weights });
    const ids = (length: number, first: number) =>
      Array.from({ length }, (_, index) => 16 + ((first + 5 * index) % 24));
    const all = [ids(140, 1), ids(3, 2), ids(70, 3), ids(31, 4)];
    const together = await slotsByStep(model, all, 3, 7);
    for (const [row, source] of all.entries()) {
      expect(await slotsByStep(model, [source], 3, 7), `row ${row}`).toEqual([together[row]!]);
      expect(await slotsByStep(model, [source], 3, 100), `row ${row}, at once`).toEqual([together[row]!]);
    }
    expect(await slotsByStep(model, [all[2]!], 3, 1), "a token at a time").toEqual([together[2]!]);
  });

  test("gives the same however the tokens came", async () => {
    const model = await stepModel("int8");
    const whole = await slotsByStep(model, sources, 3, 100);
    for (const atOnce of [1, 2, 3]) {
      expect(await slotsByStep(model, sources, 3, atOnce)).toEqual(whole);
    }
  });
});
