import { expect, test } from "vitest";
import { standInTokenizer } from "../../../models/stand-in-tokenizer.ts";
import { FORMAL_ID, INFORMAL_ID } from "../../../models/vocabulary.ts";
import type { TrainPart } from "../epoch-plan.ts";
import { SequencesBuilder, sequenceAt, sequenceCount } from "../shard.ts";
import { withFormality } from "./formality-parts.ts";

const tokenizer = standInTokenizer();
const context = { targetOf: () => "de", tokenizer };

function part(pairs: readonly (readonly [string, string])[], more: Partial<TrainPart> = {}): TrainPart {
  const [source, target] = [new SequencesBuilder(), new SequencesBuilder()];
  for (const [from, to] of pairs) {
    source.add(tokenizer.encode(from));
    target.add(tokenizer.encode(to));
  }
  return { shard: { name: "talk", source: source.build(), target: target.build() }, weight: 1, join: 0.1, ...more };
}

const PAIRS = [
  ["can you come?", "kannst du kommen?"],
  ["can you go?", "kannst du gehen?"],
  ["thank you", "ich danke Ihnen"],
  ["he comes", "er kommt"],
] as const;

test("without a share the parts stay as they are", () => {
  const parts = [part(PAIRS)];
  expect(withFormality(parts, { share: 0 }, context)).toEqual({ parts, formal: 0, informal: 0 });
});

test("pairs of a register come again behind its tag, as many of each, and the epoch is as long as before", () => {
  const { parts, formal, informal } = withFormality([part(PAIRS, { prefix: [13] })], { share: 0.5 }, context);
  expect([formal, informal]).toEqual([1, 2]);
  expect(parts.map(({ shard, weight, prefix, join }) => [shard.name, weight, prefix, join])).toEqual([
    ["talk", 0.5, [13], 0.1],
    ["talk.formal", 1, [13, FORMAL_ID], 0.1],
    ["talk.informal", 0.5, [13, INFORMAL_ID], 0.1],
  ]);
  const drawn = parts.reduce((sum, { shard, weight }) => sum + weight * sequenceCount(shard.source), 0);
  expect(drawn).toBe(PAIRS.length);
  expect(tokenizer.decode(sequenceAt(parts[1]!.shard.target, 0))).toBe("ich danke Ihnen");
  expect(tokenizer.decode(sequenceAt(parts[2]!.shard.source, 1))).toBe("can you go?");
});

test("a register with few pairs gets less than its share", () => {
  const many = Array.from({ length: 100 }, () => PAIRS[3]);
  const { parts } = withFormality([part([...many, PAIRS[2]])], { share: 0.5 }, context);
  expect(parts.map(({ weight }) => weight)).toEqual([expect.closeTo(97 / 101), 4]);
});
