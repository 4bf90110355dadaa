import { expect, test } from "vitest";
import { parseRecipe } from "../recipe.ts";
import { keyedSettings } from "./training-stage.ts";

const trainingOf = (fields: string) =>
  parseRecipe(
    `name: a\ncorpus: { source: en, target: de, train: [{ path: a.tsv }] }\nteacher: { training: { ${fields} } }`,
    "recipe",
  ).teacher.training;

test("what came later than the first stages leaves no trace in a stage's key while it is off", () => {
  const names = Object.keys(keyedSettings(trainingOf("")));
  expect(names.sort()).toEqual(
    [
      ...["averageSnapshots", "batchTokens", "beta1", "beta2", "clipNorm", "decay", "dropout", "epsilon"],
      ...["labelSmoothing", "maximumTokens", "patience", "peakRate", "steps", "validateEverySteps"],
      ...["validationSentences", "warmUpSteps"],
    ].sort(),
  );
});

test.each([
  ["ema", 0.99],
  ["averageBest", 3],
  ["accumulate", 2],
  ["bpeDropout", { source: 0.1, target: 0 }],
])("%s is part of the key where it is on", (name, value) => {
  expect(keyedSettings(trainingOf(`${name}: ${JSON.stringify(value)}`))).toHaveProperty(name, value);
});
