import { expect, test } from "vitest";
import type { SegmentState } from "../../models/segment-state.ts";
import type { StepRunner } from "../../models/step-runner.ts";
import { RecordingRunner, repeatedWords, slotStatistics } from "./slot-statistics.ts";

const _ = 4; // blank

test("blanks, tokens, and repeats by where they stand", () => {
  // a a | a b: one a, then b. a _ | a b: a, a across a border, b. c _ c | _: a repeat inside a chunk of three
  expect(slotStatistics([[20, 20, 20, 21]], 2)).toEqual({
    ...{ blankShare: 0, tokensPerSlot: 0.5, repeatedTokens: 0, repeatsAtBorders: null },
  });
  expect(slotStatistics([[20, _, 20, 21]], 2)).toEqual({
    ...{ blankShare: 0.25, tokensPerSlot: 0.75, repeatedTokens: 1 / 3, repeatsAtBorders: 1 },
  });
  expect(slotStatistics([[22, _, 22, _, _, _]], 3)).toMatchObject({ repeatedTokens: 0.5, repeatsAtBorders: 0 });
});

test("segments do not touch each other, and no slots are no division by zero", () => {
  expect(slotStatistics([[20], [20]], 1)).toMatchObject({ repeatedTokens: 0, tokensPerSlot: 1 });
  expect(slotStatistics([], 2)).toMatchObject({ blankShare: 0, tokensPerSlot: 0, repeatsAtBorders: null });
});

test("repeated words, whatever their case and the punctuation around them", () => {
  expect(repeatedWords(["Der der Hund, Hund bellt.", "bellt"])).toBeCloseTo(2 / 6);
  expect(repeatedWords(["a - a"])).toBe(0.5); // a dash is no word
  expect(repeatedWords([])).toBe(0);
});

test("a recording runner keeps the slots of each segment over its steps, and forgets what was taken", async () => {
  const results = [
    [{ slotIds: [20, _], slotScores: [0, 0] }],
    [
      { slotIds: [21, 22], slotScores: [0, 0] },
      { slotIds: [30, 30], slotScores: [0, 0] },
    ],
  ];
  const runner: StepRunner = {
    maxSourceTokens: 9,
    newDecoder: () => {
      throw new Error("not asked for");
    },
    newState: () => {
      throw new Error("not asked for");
    },
    run: async () => results.shift()!,
  };
  const recording = new RecordingRunner(runner);
  const [a, b] = [{} as SegmentState, {} as SegmentState];
  const row = (state: SegmentState) => ({ tokens: [], chunks: [], wait: 1, state });
  expect(await recording.run([row(a)])).toEqual([{ slotIds: [20, _], slotScores: [0, 0] }]);
  await recording.run([row(a), row(b)]);
  expect(recording.maxSourceTokens).toBe(9);
  expect(recording.take()).toEqual([
    [20, _, 21, 22],
    [30, 30],
  ]);
  expect(recording.take()).toEqual([]);
});
