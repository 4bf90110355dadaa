// A test set as a recogniser or a hasty typist would have written its sources, the same one at every call.
import { Noise } from "../corpus/noise/noise.ts";
import { TEST_NOISE } from "../corpus/noise/noise-settings.ts";
import { Random } from "../random.ts";
import type { TestSet } from "./test-set.ts";

/** Other draws than any recipe's training noise, which is labelled by its corpora. */
const SEED = 1;

/** @param language tag of the sources */
export function noisyTestSet(test: TestSet, language: string): TestSet {
  const noise = new Noise(TEST_NOISE, language);
  const sentences = test.sentences.map(({ source, references }, index) => ({
    source: noise.apply(source, new Random(SEED, "test noise", index)),
    references,
  }));
  return { name: test.name, sentences };
}
