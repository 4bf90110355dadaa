import * as ort from "onnxruntime-node";
import { afterEach, describe, expect, test } from "vitest";
import { EOS_ID, SPECIAL_TOKENS } from "../../models/vocabulary.ts";
import { type Wait, waitToInteger } from "../../models/wait.ts";
import type { WaitKModel } from "../../models/wait-k-model.ts";
import { largestDifference } from "../graph/evaluate-graph.testing.ts";
import { waitKStudentModel } from "../stages/validation.ts";
import { greedyInTraining, smallWaiter, waiterWeights } from "./small-waiter.testing.ts";
import type { Precision } from "./step-graph.ts";

/** Source ids without their end, of several lengths, so that batches are padded. */
const sources = [[16, 20, 31, 17, 24, 39, 18], [22], [19, 19, 35, 16], [30, 21, 28, 33, 17]];
const WAITS = [1, 2, 3, 5, "full" as const];

let open: WaitKModel[] = [];
afterEach(async () => {
  for (const model of open) await model.release();
  open = [];
});

/** @param end added to the logit of `</s>`: the higher, the more often a segment would end too early. */
async function waitKModel(precision: Precision, end = 0): Promise<WaitKModel> {
  const { weights } = waiterWeights(smallWaiter, end);
  const model = await waitKStudentModel(ort, smallWaiter, weights, { precision, threads: 1 });
  open.push(model);
  return model;
}

/** Each source's translation; it reads so many tokens before each step. */
async function translate(model: WaitKModel, all: readonly (readonly number[])[], wait: Wait, atOnce: number) {
  const rows = all.map((ids) => {
    const found = { ids: [] as number[], needs: [] as number[], scores: [] as number[] };
    return { ids: [...ids], decoder: model.newDecoder(wait), state: model.newState(), found };
  });
  let steps = 0;
  while (rows.some(({ decoder }) => !decoder.done)) {
    const step = rows.flatMap(({ ids, decoder, state, found }) => {
      // A row reads on when what it has read allows nothing more, so that rows come to stand at different places.
      if (decoder.done) return [];
      if (decoder.due === 0) decoder.read(ids.splice(0, atOnce));
      if (ids.length === 0) decoder.end();
      const request = decoder.next();
      return request ? [{ decoder, found, row: { ...request, state } }] : [];
    });
    const results = await model.run(step.map(({ row }) => row));
    for (const [place, { decoder, found }] of step.entries()) {
      found.scores.push(...results[place]!.slotScores);
      for (const { ids, needs } of decoder.acceptParts(results[place]!)) {
        found.ids.push(...ids);
        found.needs.push(needs);
      }
    }
    steps += 1;
    expect(steps).toBeLessThan(500);
  }
  return rows.map(({ found, state }) => ({
    ...found,
    state: [state.sourceState, state.crossState, state.slotState].map((part) => Array.from(part)),
  }));
}

type Translated = Awaited<ReturnType<typeof translate>>;

/** To the bit; but a score's logarithm, which decides nothing, is rounded by its place in the output. */
function expectSame(found: Translated, expected: Translated): void {
  const exact = (rows: Translated) => rows.map(({ scores: _, ...row }) => row);
  expect(exact(found)).toEqual(exact(expected));
  for (const [row, { scores }] of expected.entries()) {
    expect(largestDifference(found[row]!.scores, scores)).toBeLessThan(1e-6);
  }
}

const idsOf = (rows: readonly { ids: readonly number[] }[]) => rows.map(({ ids }) => ids);

describe("the read and write graphs", () => {
  test.each(WAITS)("at wait %s say what the training graph with its mask says, greedily", async (wait) => {
    const { weights } = waiterWeights(smallWaiter);
    const ended = sources.map((ids) => [...ids, EOS_ID]);
    const expected = await greedyInTraining(smallWaiter, weights, ended, waitToInteger(wait));
    const model = await waitKModel("fp32");
    for (const atOnce of [1, 2, 100]) expect(idsOf(await translate(model, sources, wait, atOnce))).toEqual(expected);
    expect(new Set(expected.flat()).size, "tokens that differ").toBeGreaterThan(3);
  });

  test("know waits apart, and write no special token", async () => {
    const model = await waitKModel("fp32");
    const found = await Promise.all([1, 3].map((wait) => translate(model, sources, wait, 1)));
    expect(largestDifference(found[0]![0]!.scores.slice(0, 3), found[1]![0]!.scores.slice(0, 3))).toBeGreaterThan(1e-3);
    for (const id of found.flatMap(idsOf).flat()) expect(id).toBeGreaterThanOrEqual(SPECIAL_TOKENS.length);
  });
});

describe("in int8", () => {
  test("they are near to fp32", async () => {
    const exact = await translate(await waitKModel("fp32"), sources, 3, 1);
    const coarse = await translate(await waitKModel("int8"), sources, 3, 1);
    for (const [row, { scores }] of exact.entries()) {
      const difference = Math.abs(coarse[row]!.scores[0]! - scores[0]!);
      expect(difference).toBeGreaterThan(0);
      expect(difference).toBeLessThan(0.1);
    }
  });

  // With and without ends that come too early, so that rows wait at different lags.
  test.each([
    [1, 0],
    [3, 0],
    ["full" as const, 0],
    [1, 1.5],
    [2, 1.5],
  ])("at wait %s they give a row the same to the bit, whatever the batch (end %s)", async (wait, end) => {
    const model = await waitKModel("int8", end);
    const together = await translate(model, sources, wait, 1);
    const others = sources.map((ids, row) => (row === 2 ? ids : ids.map((id) => 16 + ((id + 7) % 24))));
    const beside = await translate(model, others, wait, 1);
    expectSame([beside[2]!], [together[2]!]);
    expect(beside[0]!.scores).not.toEqual(together[0]!.scores);
    for (const [row, ids] of sources.entries()) {
      expectSame(await translate(model, [ids], wait, 1), [together[row]!]);
    }
  });

  test.each([0, 1.5])("they give the same however the tokens came (end %s)", async (end) => {
    const model = await waitKModel("int8", end);
    const whole = await translate(model, sources, 2, 100);
    for (const atOnce of [1, 2, 3]) expectSame(await translate(model, sources, 2, atOnce), whole);
    const early = whole.some(({ needs }) => needs.some((need, token) => need > token + 2));
    expect(early, "a segment that would end too early").toBe(end > 0);
  });
});

test("rows that break the rules are refused, their states left alone", async () => {
  const model = await waitKModel("fp32");
  const state = model.newState();
  await expect(model.run([{ state, tokens: Array(25).fill(20), chunks: [], wait: 1 }])).rejects.toThrow(
    "row 0: 25 source positions, the limit is 24",
  );
  await expect(model.run([{ state, tokens: [20], chunks: [1, 20], wait: 1 }])).rejects.toThrow(
    "2 target tokens in one",
  );
  await expect(model.run([{ state, tokens: [], chunks: [1], wait: 1 }])).rejects.toThrow("for no source");
  const row = { state, tokens: [20], chunks: [1], wait: 1 };
  await expect(model.run([row, row])).rejects.toThrow(/share a segment state/);
  expect(state.bytes).toBe(0);
  expect(await model.run([])).toEqual([]);
});
