import { expect, test } from "vitest";
import { standInTokenizer } from "../../../models/stand-in-tokenizer.ts";
import { isPlaceholder, PLACEHOLDER_IDS } from "../../../models/vocabulary.ts";
import type { TrainPart } from "../epoch-plan.ts";
import { SequencesBuilder, type Shard, sequenceAt, sequenceCount } from "../shard.ts";
import { placeholdersSchema } from "./carrying-settings.ts";
import { translatedNames, withPlaceholders } from "./placeholder-parts.ts";
import { tokenWords } from "./token-words.ts";

const tokenizer = standInTokenizer();
const context = { seed: 1, source: "en", targetOf: () => "de", tokenizer };
const only = (terms: number) => placeholdersSchema.parse({ share: 0.5, terms });

function part(pairs: readonly (readonly [string, string])[], more: Partial<TrainPart> = {}): TrainPart {
  const [source, target] = [new SequencesBuilder(), new SequencesBuilder()];
  for (const [from, to] of pairs) {
    source.add(tokenizer.encode(from));
    target.add(tokenizer.encode(to));
  }
  return { shard: { name: "talk", source: source.build(), target: target.build() }, weight: 1, join: 0, ...more };
}

/** Both sides of a row, the placeholders as A, B … in the order of the source. */
function rowOf({ source, target }: Shard, row: number): string[] {
  const letters = new Map<number, string>();
  return [source, target].map((side) =>
    Array.from(sequenceAt(side, row), (id) => {
      if (!isPlaceholder(id)) return tokenizer.textOf(id);
      letters.set(id, letters.get(id) ?? "ABCDE"[letters.size]!);
      return ` <${letters.get(id)}>`;
    })
      .join("")
      .replace("( ", "(")
      .trim(),
  );
}

const carriedRows = (pairs: readonly (readonly [string, string])[], terms: number, name: string) => {
  const { parts } = withPlaceholders([part(pairs)], only(terms), context);
  const { shard } = parts.find((made) => made.shard.name === name)!;
  return Array.from({ length: sequenceCount(shard.source) }, (_, row) => rowOf(shard, row));
};

test("words are told from the marks around them", () => {
  const ids = tokenizer.encode('in "the word", 12.5!');
  const words = tokenWords(ids, tokenizer);
  expect(words.map(({ text, inner }) => [text, inner])).toEqual([
    ["in", "in"],
    ['"the', "the"],
    ['word",', "word"],
    ["12.5!", "12.5"],
  ]);
  for (const { inner, from, to } of words) expect(tokenizer.decode(ids.slice(from, to))).toBe(inner);
});

test("values on both sides become the same placeholder, their marks stay", () => {
  const pairs = [
    ["it was 1,250 in 1984, not 17.", "es waren 1.250 im jahr 1984, nicht 17."],
    ["write to (ab.in.example)!", "schreib an (ab.in.example)!"],
    ["we met Quandrox here", "wir trafen Quandrox hier"],
    ["version 4.12 is out", "version 4.12 ist da"],
    ["12 of 12 words", "12 von 12 worten"],
  ] as const;
  expect(carriedRows(pairs, 0, "talk.values")).toEqual([
    ["it was <A> in <B>, not <C>.", "es waren <A> im jahr <B>, nicht <C>."],
    ["write to (<A>)!", "schreib an (<A>)!"],
    ["we met <A> here", "wir trafen <A> hier"],
    ["version <A> is out", "version <A> ist da"],
    ["<A> of <A> words", "<A> von <A> worten"],
  ]);
});

test("what the target has otherwise, or a single digit, or a capital at the start, stays", () => {
  const pairs = [
    ["at 25 in", "um fünf in"],
    ["5 words", "5 worte"],
    ["Quandrox is here", "Quandrox ist hier"],
  ] as const;
  const made = withPlaceholders([part(pairs)], only(0), context);
  expect(made).toMatchObject({ values: 0, terms: 0, parts: [{ weight: 1, shard: { name: "talk" } }] });
});

test("more values than there are placeholders are left", () => {
  const numbers = Array.from({ length: 7 }, (_, index) => String(10 + index)).join(" ");
  const [[source]] = carriedRows([[numbers, numbers]], 0, "talk.values") as [string[]];
  expect(source).toBe("<A> <B> <C> <D> <E> 15 16");
});

test("words that translate each other become the same placeholder", () => {
  const nouns = [
    ["dog", "hund"],
    ["tree", "baum"],
    ["house", "haus"],
  ] as const;
  const rest = ["is big", "was old"];
  const pairs = nouns.flatMap(([en, de]) => rest.map((end) => [`the ${en} ${end}`, `der ${de} ${end}`] as const));
  const plain = Array.from({ length: 600 }, (_, index) => [`a${index % 7}`, `b${index % 5}`] as const);
  const rows = carriedRows([...pairs, ...plain], 1, "talk.terms");
  expect(rows.length).toBe(pairs.length);
  for (const [source, target] of rows) {
    const count = source!.match(/<[A-E]>/g)!.length;
    expect(target!.match(/<[A-E]>/g)).toHaveLength(count);
  }
  expect(rows.some(([source, target]) => source!.startsWith("the <A> ") && target!.startsWith("der <A> "))).toBe(true);
});

test("an epoch is as long as before, and the same seed makes the same pairs", () => {
  const pairs = Array.from({ length: 40 }, (_, index) => [`in ${index + 10}`, `in ${index + 10}`] as const);
  const settings = placeholdersSchema.parse({ share: 0.5, terms: 0.2 });
  const make = (seed: number) => withPlaceholders([part(pairs, { weight: 2 })], settings, { ...context, seed }).parts;
  const parts = make(1);
  expect(parts.map(({ weight }) => weight)).toEqual([expect.closeTo(1.2), expect.closeTo(0.8)]);
  expect(make(1)).toEqual(parts);
  expect(make(2)).not.toEqual(parts);
  const ids = new Set(parts[1]!.shard.source.tokens.subarray(0, 120).filter(isPlaceholder));
  expect([...ids].sort()).toEqual([...PLACEHOLDER_IDS].sort());
});

test("names that the corpus translates are listed", () => {
  const pairs = [
    ["on Wednesday", "am mittwoch"],
    ["in Quandrox", "in Quandrox"],
    ["Xylophon", "ding"],
  ] as const;
  expect(translatedNames([part(pairs)], context)).toEqual(["Wednesday"]);
});
