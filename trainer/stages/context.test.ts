import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parseRecipe } from "../recipe.ts";
import { modelPath, type StageContext } from "./context.ts";

let dir: string;
let context: StageContext;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "souffleur-context-"));
  for (const folder of ["data/both", "data/own", "shipped/both", "shipped/en-de"])
    mkdirSync(join(dir, folder), { recursive: true });
  const recipe = parseRecipe("name: x\ncorpus: { source: en, target: de, train: [{ path: a.tsv }] }", "x.yaml");
  const places = { data: join(dir, "data"), work: join(dir, "work"), shipped: join(dir, "shipped") };
  context = { recipe, ...places, quiet: true, say: () => {} };
});
afterAll(() => rmSync(dir, { recursive: true }));

test.each([
  ["own", "data/own"],
  ["both", "data/both"],
  ["en-de", "shipped/en-de"],
  ["nowhere", "data/nowhere"],
])("the model %s is %s", (path, found) => {
  expect(modelPath(context, path)).toBe(join(dir, found));
});

test("an absolute path is taken as it is, and without shipped bundles there are none", () => {
  expect(modelPath(context, "/elsewhere/en-de")).toBe("/elsewhere/en-de");
  expect(modelPath({ ...context, shipped: undefined }, "en-de")).toBe(join(dir, "data/en-de"));
});
