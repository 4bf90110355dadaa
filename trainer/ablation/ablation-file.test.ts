import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { RecipeError } from "../recipe.ts";
import { loadAblation, merge, parseAblation } from "./ablation-file.ts";

const text = (variants: string) => `
title: Two of them
base:
  name: small
  corpus: { source: en, target: de, train: [{ path: a.tsv }], valid: [b.tsv] }
  student: { training: { steps: 100, peakRate: 1e-3 }, glancing: { start: 0.5, end: 0.3 } }
variants:
${variants}
`;

describe("merging", () => {
  test("goes into objects, replaces lists and values, and null gives a field back its default", () => {
    const base = { a: { b: 1, c: [1, 2] }, d: 1, e: { f: 1 } };
    expect(merge(base, { a: { c: [3] }, d: { g: 2 }, e: null })).toEqual({ a: { b: 1, c: [3] }, d: { g: 2 } });
    expect(base).toEqual({ a: { b: 1, c: [1, 2] }, d: 1, e: { f: 1 } });
  });
});

describe("an ablation's file", () => {
  test("gives a whole recipe for each variant", () => {
    const { title, variants } = parseAblation(
      text("  - { name: base }\n  - { name: no glancing, about: off, change: { student: { glancing: null } } }"),
      "two.yaml",
    );
    expect(title).toBe("Two of them");
    expect(variants.map(({ name, about }) => [name, about])).toEqual([
      ["base", ""],
      ["no glancing", "off"],
    ]);
    expect(variants.map(({ recipe }) => recipe.student.glancing.start)).toEqual([0.5, 0]);
    expect(variants.map(({ recipe }) => recipe.student.training.steps)).toEqual([100, 100]);
  });

  test("may share fields by anchors and merge keys", () => {
    const { variants } = parseAblation(
      text(
        "  - { name: one, change: { student: &kind { type: autoregressive, glancing: null } } }\n" +
          "  - { name: two, change: { student: { <<: *kind, rawWeight: 0.5 } } }",
      ),
      "two.yaml",
    );
    expect(variants.map(({ recipe }) => [recipe.student.type, recipe.student.rawWeight])).toEqual([
      ["autoregressive", 0],
      ["autoregressive", 0.5],
    ]);
  });

  test("is refused with every variant and field that does not fit", () => {
    const wrong = text(
      "  - { name: one, change: { student: { training: { steps: -1 } } } }\n" +
        "  - { name: two, change: { student: { glance: 1 } } }\n  - { name: two }",
    );
    expect(() => parseAblation(wrong, "wrong.yaml")).toThrow(RecipeError);
    let message = "";
    try {
      parseAblation(wrong, "wrong.yaml");
    } catch (error) {
      message = String(error);
    }
    expect(message).toContain("wrong.yaml, one: student.training.steps:");
    expect(message).toContain("wrong.yaml, two: student.glance:");
    expect(message).toContain("wrong.yaml: two variants are named two");
  });

  test.each([
    ["title: x\nbase: {}\nvariants: []", "variants"],
    ["- a list", "expected title, base and variants"],
    ["title: [", "wrong.yaml"],
  ])("that is none is refused: %j", (content, message) => {
    expect(() => parseAblation(content, "wrong.yaml")).toThrow(message);
  });
});

const SHIPPED = join(import.meta.dirname, "..", "recipes", "ablations");

test.each(readdirSync(SHIPPED))("the package's own %s fits", (name) => {
  expect(loadAblation(join(SHIPPED, name)).variants.length).toBeGreaterThan(1);
});
