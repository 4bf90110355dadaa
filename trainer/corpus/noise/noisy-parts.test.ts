import { expect, test } from "vitest";
import { standInTokenizer } from "../../../models/stand-in-tokenizer.ts";
import { PLACEHOLDER_IDS, UNK_ID } from "../../../models/vocabulary.ts";
import type { TrainPart } from "../epoch-plan.ts";
import { type Sequences, SequencesBuilder, sequenceAt, sequenceCount } from "../shard.ts";
import { noiseSchema } from "./noise-settings.ts";
import { withNoise } from "./noisy-parts.ts";

const tokenizer = standInTokenizer();
const context = { seed: 3, language: "en", tokenizer, maximumTokens: 40 };

function part(sentences: readonly string[], more: Partial<TrainPart> = {}): TrainPart {
  const [source, target] = [new SequencesBuilder(), new SequencesBuilder()];
  for (const [index, sentence] of sentences.entries()) {
    source.add(tokenizer.encode(sentence));
    target.add([100 + index]);
  }
  return { shard: { name: "talk", source: source.build(), target: target.build() }, weight: 2, join: 0.1, ...more };
}

const rows = (sequences: Sequences) =>
  Array.from({ length: sequenceCount(sequences) }, (_, row) => [...sequenceAt(sequences, row)]);
const texts = ({ shard }: TrainPart) => rows(shard.source).map((ids) => tokenizer.decode(ids));

const SENTENCES = ["The word, in the chest.", "The word in the word.", "The chest!"];

test("without a share the parts are as they were", () => {
  const parts = [part(SENTENCES)];
  expect(withNoise(parts, noiseSchema.parse({}), context)).toEqual(parts);
});

test("the share goes to noisy copies with the clean targets, and everything else stays with them", () => {
  const settings = noiseSchema.parse({ share: 0.25, copies: 2, lowerCase: 1, noPunctuation: 1, runTogether: 0 });
  const [clean, ...noisy] = withNoise([part(SENTENCES, { prefix: [13] })], settings, context);
  expect(clean).toMatchObject({ weight: 1.5, join: 0.1, prefix: [13] });
  expect(texts(clean!)).toEqual(SENTENCES);
  expect(noisy.map(({ weight, shard }) => [shard.name, weight])).toEqual([
    ["talk.noise-0", 0.25],
    ["talk.noise-1", 0.25],
  ]);
  for (const copy of noisy) {
    expect(copy).toMatchObject({ join: 0.1, prefix: [13] });
    expect(rows(copy.shard.target)).toEqual([[100], [101], [102]]);
    for (const text of texts(copy)) expect(text).toMatch(/^[a-z ]+$/);
  }
  expect(withNoise([part(SENTENCES)], { ...settings, share: 1 }, context)).toHaveLength(2);
});

test("the same seed makes the same noise, copies differ", () => {
  const settings = noiseSchema.parse({ share: 1, copies: 2, typos: 0.5 });
  const make = (seed: number) => withNoise([part(Array(20).fill(SENTENCES[0]))], settings, { ...context, seed });
  const [first, second] = make(3);
  expect(make(3)).toEqual([first, second]);
  expect(texts(second!)).not.toEqual(texts(first!));
  expect(texts(make(4)[0]!)).not.toEqual(texts(first!));
});

test("sentences that run together have both targets, within the length limit", () => {
  const only = {
    lowerCase: 0,
    noPunctuation: 0,
    wrongPunctuation: 0,
    typos: 0,
    repeats: 0,
    falseStarts: 0,
    fillers: 0,
  };
  const settings = noiseSchema.parse({ share: 1, copies: 1, ...only, runTogether: 1 });
  const [joined] = withNoise([part(SENTENCES)], settings, context);
  for (const [row, target] of rows(joined!.shard.target).entries()) {
    expect(target).toHaveLength(2);
    const [first, second] = target.map((id) => SENTENCES[id - 100]!);
    expect(target[0]).toBe(100 + row);
    expect(texts(joined!)[row]).toBe(`${first!.slice(0, -1)} t${second!.slice(1)}`);
  }
  const [short] = withNoise([part(SENTENCES)], settings, { ...context, maximumTokens: 10 });
  expect(rows(short!.shard.target)).toEqual([[100], [101], [102]]);
});

test("what the vocabulary does not have stays as it is", () => {
  const source = new SequencesBuilder();
  source.add([UNK_ID, 30]);
  const target = new SequencesBuilder();
  target.add([50]);
  const one = { shard: { name: "a", source: source.build(), target: target.build() }, weight: 1, join: 0 };
  const [noisy] = withNoise([one], noiseSchema.parse({ share: 1, lowerCase: 1 }), context);
  expect(rows(noisy!.shard.source)).toEqual([[UNK_ID, 30]]);
});

test("a placeholder comes through the noise as it was", () => {
  const [one, other] = PLACEHOLDER_IDS;
  const source = new SequencesBuilder();
  source.add([
    ...tokenizer.encode("The word ("),
    one!,
    ...tokenizer.encode("word),").slice(1),
    other!,
    tokenizer.encode("a!").at(-1)!,
  ]);
  const target = new SequencesBuilder();
  target.add([50]);
  const made = { shard: { name: "a", source: source.build(), target: target.build() }, weight: 1, join: 0 };
  const settings = noiseSchema.parse({
    share: 1,
    copies: 20,
    lowerCase: 1,
    typos: 0.5,
    repeats: 0,
    falseStarts: 0,
    runTogether: 0,
  });
  const noisy = withNoise([made], settings, context);
  for (const copy of noisy) {
    const [ids] = rows(copy.shard.source);
    expect(ids!.filter((id) => PLACEHOLDER_IDS.includes(id))).toEqual([one, other]);
  }
  expect(new Set(noisy.map((copy) => String(rows(copy.shard.source)))).size).toBeGreaterThan(3);
});
