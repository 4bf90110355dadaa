// Several targets for one sentence: which rows of a shard are alternatives of each other, and how likely each is.
import { readFile, writeFile } from "node:fs/promises";
import { z } from "zod";
import { ShardError } from "./shard.ts";

/** Sentence i has the rows `offsets[i] .. offsets[i + 1]` of its shard; their weights sum to 1. */
export interface Choices {
  readonly offsets: Uint32Array;
  /** One a row. */
  readonly weights: Float32Array;
}

const choicesSchema = z.strictObject({
  format: z.literal("souffleur-choices"),
  version: z.literal(1),
  /** Of the shard that the rows are of. */
  shardSha256: z.string(),
  /** A list of weights for each sentence. */
  sentences: z.array(z.array(z.number().nonnegative()).min(1)),
});

/** @param weights the weights of each sentence's rows, in the order of the rows. */
export function choicesFrom(weights: readonly (readonly number[])[]): Choices {
  const offsets = new Uint32Array(weights.length + 1);
  for (const [sentence, list] of weights.entries()) offsets[sentence + 1] = offsets[sentence]! + list.length;
  return { offsets, weights: Float32Array.from(weights.flat()) };
}

/** How many sentences there are. */
export const sentenceCount = (choices: Choices): number => choices.offsets.length - 1;

/**
 * One row of a sentence, drawn by the rows' weights.
 * @param uniform in [0, 1)
 */
export function chosenRow({ offsets, weights }: Choices, sentence: number, uniform: number): number {
  const end = offsets[sentence + 1]!;
  let left = uniform;
  for (let row = offsets[sentence]!; row < end - 1; row += 1) {
    left -= weights[row]!;
    if (left < 0) return row;
  }
  return end - 1;
}

/** Softmax: weights that sum to 1 from log-probabilities or scores. */
export function normalisedWeights(scores: readonly number[]): number[] {
  const highest = Math.max(...scores);
  const exponents = scores.map((score) => Math.exp(score - highest));
  const sum = exponents.reduce((total, value) => total + value, 0);
  return exponents.map((value) => value / sum);
}

/** Writes `<path>.choices.json`, beside the shard whose header has this sha256. */
export async function writeChoices(
  path: string,
  weights: readonly (readonly number[])[],
  shardSha256: string,
): Promise<void> {
  const content = { format: "souffleur-choices", version: 1, shardSha256, sentences: weights };
  await writeFile(`${path}.choices.json`, JSON.stringify(content));
}

/**
 * Reads what `writeChoices` wrote.
 * @throws ShardError when it does not fit or belongs to another shard.
 */
export async function readChoices(path: string, shard: { sha256: string; pairs: number }): Promise<Choices> {
  const file = `${path}.choices.json`;
  const refuse = (problem: string) => new ShardError(`${file} ${problem}`, path);
  let content: unknown;
  try {
    content = JSON.parse(await readFile(file, "utf8"));
  } catch (error) {
    throw refuse(`cannot be read: ${error instanceof Error ? error.message : error}`);
  }
  const parsed = choicesSchema.safeParse(content);
  if (!parsed.success) throw refuse(`does not fit: ${z.prettifyError(parsed.error)}`);
  const choices = choicesFrom(parsed.data.sentences);
  if (parsed.data.shardSha256 !== shard.sha256 || choices.weights.length !== shard.pairs) {
    throw refuse(`belongs to another shard than ${path}.shard`);
  }
  return choices;
}
