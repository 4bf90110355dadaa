import { expect, test } from "vitest";
import type { Bundle } from "../../models/bundle.ts";
import { standInBundle } from "../../models/stand-in-bundle.ts";
import { StandInModel } from "../../models/stand-in-model.ts";
import { InProcessEngine } from "../engine/in-process-engine.ts";
import { askedTargets } from "./asked-target.ts";
import { translateWith } from "./translate.ts";

const plain = standInBundle();
const learned: Bundle = {
  ...plain,
  manifest: {
    ...plain.manifest,
    placeholders: { kinds: ["number", "term"], translated: [] },
    tags: { formality: { formal: 5, informal: 6 } },
  },
};
const place = (bundle: Bundle, target = "de") => ({ bundle, target });
const glossary = [{ source: "the word", target: "das Wort" }];

const engine = () =>
  new InProcessEngine({
    models: [{ name: "stand-in", runner: new StandInModel({ vocabularySize: plain.tokenizer.vocabularySize }) }],
  });
const translation = async (asked: Parameters<typeof askedTargets>[1], shared = engine()) => {
  const [target] = askedTargets([place(learned)], { wait: 2, ...asked });
  return (await translateWith(shared, "en", target!, "in the word 1,250.5 in the chest")).text;
};

test("what a model has learnt is done, whatever else is in its batches", async () => {
  const plainly = await translation({});
  const [withTerm, formal] = [await translation({ glossary }), await translation({ formality: "formal" })];
  expect(plainly).toContain("1.250,5");
  expect(plainly).not.toContain("das Wort");
  expect(withTerm).toContain("das Wort");
  expect(withTerm).toContain("1.250,5");
  expect(formal).not.toBe(plainly);
  const shared = engine();
  const wishes = [{}, { glossary }, { formality: "formal" as const }, { glossary }, {}];
  const together = await Promise.all(wishes.map((asked) => translation(asked, shared)));
  expect(together).toEqual([plainly, withTerm, formal, withTerm, plainly]);
});

test("what it has not learnt is refused, and names the field", () => {
  expect(() => askedTargets([place(plain)], { glossary })).toThrow(
    expect.objectContaining({ code: "bad_request", field: "glossary", fatal: false }),
  );
  expect(() => askedTargets([place(plain)], { formality: "formal" })).toThrow(
    expect.objectContaining({ code: "bad_request", field: "formality", fatal: false }),
  );
  expect(askedTargets([place(plain)], { glossary: [] })).toHaveLength(1);
  const other = [{ ...glossary[0]!, language: "fr" }];
  expect(() => askedTargets([place(learned)], { glossary: other })).toThrow(
    expect.objectContaining({ field: "glossary", message: "a term is of no target; targets: de (glossary)" }),
  );
});

test("of several targets, each gets its own terms, and the one that has not learnt what is asked is named", async () => {
  const several = { target: ["de", "fr"], tags: { target: { de: 13, fr: 14 } as const } };
  const both: Bundle = { ...learned, manifest: { ...learned.manifest, ...several } };
  const terms = ["de", "fr"].map((language) => ({ ...glossary[0]!, target: `mot ${language}`, language }));
  const targets = askedTargets([place(both), place(both, "fr")], { wait: 2, glossary: terms });
  for (const [index, target] of targets.entries()) {
    const { text } = await translateWith(engine(), "en", target, "in the word in the chest");
    expect(text).toContain(["mot de", "mot fr"][index]);
  }
  expect(() => askedTargets([place(both), place(both, "fr")], { glossary })).toThrow("which target it is for");
  expect(() => askedTargets([place(learned), place(plain)], { formality: "formal" })).toThrow(
    expect.objectContaining({ field: "formality", target: "de" }),
  );
});
