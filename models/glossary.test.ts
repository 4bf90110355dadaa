import { expect, test } from "vitest";
import { Glossary, glossarySchema, MAX_GLOSSARY_TERMS, termsFor } from "./glossary.ts";

const term = (source: string, target = "x") => ({ source, target });

test("words are looked up in any case, and may go on", () => {
  const glossary = new Glossary([term("Heat  pump", " Wärmepumpe "), term("heat", "Hitze"), term("U.S.", "USA")]);
  expect(glossary.size).toBe(3);
  expect(glossary.match(["HEAT"])).toEqual({ target: "Hitze", continues: true });
  expect(glossary.match(["heat", "Pump"])).toEqual({ target: "Wärmepumpe", continues: false });
  expect(glossary.match(["U.S"])).toEqual({ target: "USA", continues: false });
  expect(glossary.match(["pump"])).toEqual({ target: undefined, continues: false });
});

test("terms are for the only target, or for the one that they name", () => {
  const terms = [term("a"), { ...term("b"), language: "de" }];
  expect(termsFor(terms, "de", ["de"])).toEqual(terms);
  const named = [
    { ...term("a"), language: "fr" },
    { ...term("a"), language: "de" },
  ];
  expect(glossarySchema.safeParse(named).success).toBe(true);
  expect(termsFor(named, "fr", ["de", "fr"])).toEqual([named[0]]);
  expect(() => termsFor(terms, "de", ["de", "fr"])).toThrow("must say with its language which target it is for");
  expect(() => termsFor(named, "de", ["de"])).toThrow("a term is of no target; targets: de (glossary)");
});

test.each([
  [[term("heat"), term("HEAT")], "1.source", /is there twice/],
  [[term("")], "0.source", /must begin with a letter or digit/],
  [[term("a", "…")], "0.target", /must begin with a letter or digit/],
  [[term("a".repeat(101))], "0.source", /at most 100 characters/],
  [Array.from({ length: MAX_GLOSSARY_TERMS + 1 }, (_, index) => term(`w${index}`)), "", /at most 500 terms/],
  [{}, "", /must be a list/],
])("%# is refused with the place", (value, path, message) => {
  const { error } = glossarySchema.safeParse(value);
  expect(error?.issues.map((issue) => issue.path.join("."))).toEqual([path]);
  expect(error?.issues[0]?.message).toMatch(message);
});
