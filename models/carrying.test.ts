import { expect, test } from "vitest";
import { type CarryingManifest, carryingOf, openReader } from "./carrying.ts";
import { GlossaryError } from "./glossary.ts";
import { standInTokenizer } from "./stand-in-tokenizer.ts";

const manifest: CarryingManifest = { name: "en-de", source: "en", target: "de" };
const glossary = [{ source: "word", target: "Wort" }];
const tokenizer = standInTokenizer();
const valuesIn = (text: string, carrying: ReturnType<typeof carryingOf>) => {
  const reader = openReader(tokenizer, carrying);
  return [...reader.push(text), ...reader.flush()].flatMap(({ value }) => value ?? []);
};

test("a model without placeholders reads all as text, and refuses a glossary", () => {
  expect(carryingOf(manifest)).toBeUndefined();
  expect(carryingOf(manifest, { glossary: [] })).toBeUndefined();
  expect(valuesIn("at 12.5", undefined)).toEqual([]);
  expect(() => carryingOf(manifest, { glossary })).toThrow(GlossaryError);
  const values: CarryingManifest = { ...manifest, placeholders: { kinds: ["number"], translated: [] } };
  expect(() => carryingOf(values, { glossary })).toThrow(
    'bundle "en-de" has not learnt to place a glossary\'s terms: leave it out (glossary)',
  );
});

test("a model carries the kinds that it knows", () => {
  const text = "the word 12.5 or x12 of Quandrox";
  const knowing = (...kinds: NonNullable<CarryingManifest["placeholders"]>["kinds"]) =>
    carryingOf({ ...manifest, placeholders: { kinds, translated: ["Quandrox"] } });
  expect(valuesIn(text, knowing("number"))).toEqual(["12,5"]);
  expect(valuesIn(text, knowing("code", "name"))).toEqual(["x12"]);
  const all = { ...manifest, placeholders: { kinds: ["number" as const, "term" as const], translated: [] } };
  expect(valuesIn(text, carryingOf(all, { glossary }))).toEqual(["Wort", "12,5"]);
});
