// `souffleur noise`: a text as a recogniser or a hasty typist would have written it.
import { createInterface } from "node:readline";
import { type Command, InvalidArgumentError } from "commander";
import { languageSchema } from "../models/manifest.ts";
import { Noise } from "./corpus/noise/noise.ts";
import { type NoiseSettings, noiseSchema, TEST_NOISE } from "./corpus/noise/noise-settings.ts";
import { Random } from "./random.ts";

interface NoiseFlags {
  source: string;
  seed: number;
  rates: NoiseSettings;
}

export function registerNoiseCommand(program: Command): void {
  program
    .command("noise")
    .description("write standard input's lines with noise: what training and `evaluate --noise` do to sources")
    .requiredOption("--source <language>", "language of the text: en, de and fr have fillers and numbers", language)
    .option("--seed <n>", "another seed, other noise", wholeNumber, 1)
    .option("--rates <list>", "kinds and rates, the others as they are by default", parseRates, TEST_NOISE)
    .addHelpText(
      "after",
      "\nThe kinds are those of a recipe's `student.noise`.\n\nExample:\n  souffleur noise --source en --rates lowerCase=1,noPunctuation=1,typos=0 < talk.txt",
    )
    .action(async ({ source, seed, rates }: NoiseFlags) => {
      const noise = new Noise(rates, source);
      let line = 0;
      for await (const text of createInterface({ input: process.stdin })) {
        process.stdout.write(`${noise.apply(text, new Random(seed, "noise command", line))}\n`);
        line += 1;
      }
    });
}

/** `lowerCase=1,typos=0` over the defaults. `copies`, `share` and `runTogether` say nothing of a single line. */
export function parseRates(text: string): NoiseSettings {
  const { share: _, copies: __, runTogether: ___, ...kinds } = noiseSchema.shape;
  const given: Record<string, number> = {};
  for (const item of text.split(",")) {
    const [name = "", value = ""] = item.split("=").map((part) => part.trim());
    if (!(name in kinds)) {
      throw new InvalidArgumentError(`"${name}" is no kind of noise; there are ${Object.keys(kinds).join(", ")}.`);
    }
    const rate = value === "" ? Number.NaN : Number(value);
    if (!(rate >= 0 && rate <= 1))
      throw new InvalidArgumentError(`${name} must be a rate from 0 to 1, not "${value}".`);
    given[name] = rate;
  }
  return { ...TEST_NOISE, ...given };
}

function language(text: string): string {
  if (!languageSchema.safeParse(text).success)
    throw new InvalidArgumentError('It must be a language tag such as "en".');
  return text;
}

function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError("It must be a whole number.");
  return Number(text);
}
