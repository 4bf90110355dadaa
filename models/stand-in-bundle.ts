// A bundle without weights, for the stand-in model: what tests of the server say they serve.
import type { Bundle } from "./bundle.ts";
import { standInTokenizer } from "./stand-in-tokenizer.ts";
import { stepSignature } from "./step-signature.ts";

/** English to German by the stand-in tokenizer: it writes nonsense, by the rules. Its `dir` does not exist. */
export function standInBundle(): Bundle {
  const tokenizer = standInTokenizer();
  const widths = { sourceStateWidth: 32, slotStateWidth: 16 };
  return {
    dir: "stand-in",
    tokenizer,
    manifest: {
      formatVersion: 1,
      name: "stand-in",
      kind: "student",
      source: "en",
      target: "de",
      architecture: {
        ...{ type: "ctc-student", width: 8, heads: 1, feedForward: 8, encoderLayers: 1, decoderLayers: 1 },
        ...{ vocabulary: tokenizer.vocabularySize, slotsPerToken: 2, parameters: 1 },
      },
      specialIds: { pad: 0, bos: 1, eos: 2, unk: 3, blank: 4 },
      lags: { trained: [3, "full"], default: 3 },
      limits: { maxSourceTokens: 160 },
      step: { ...widths, ...stepSignature({ width: 8, heads: 1, ...widths }) },
      precision: "fp32",
      files: [],
      recipeHash: "none",
      createdWith: "test",
      quality: [],
      licence: "Apache-2.0",
      attributions: [],
    },
  };
}
