// Where a corpus gets its vocabulary from: learnt from its own pieces, or taken over from a bundle.
import { readFile } from "node:fs/promises";
import { z } from "zod";
import { BundleError } from "../../models/bundle-error.ts";
import { Tokenizer } from "../../models/tokenizer.ts";
import { SPECIAL_TOKENS } from "../../models/vocabulary.ts";
import { tokenizerJson } from "./tokenizer-json.ts";
import { type BpeOptions, trainBpe } from "./train-bpe.ts";

export interface VocabularySource {
  /** The bytes of tokenizer.json; its hash is what ties shards, checkpoints and bundles to it. */
  readonly json: string;
  readonly tokenizer: Tokenizer;
  readonly merges: number;
}

/** Learns the vocabulary from counted pieces. */
export function learnVocabulary(counts: ReadonlyMap<string, number>, options: BpeOptions): VocabularySource {
  const bpe = trainBpe(counts, options);
  const json = `${JSON.stringify(tokenizerJson(bpe))}\n`;
  return { json, tokenizer: Tokenizer.fromJson(JSON.parse(json)), merges: bpe.merges.length };
}

const mergesSchema = z.object({ model: z.object({ merges: z.array(z.unknown()) }) });

/**
 * Takes over a tokenizer.json as it is, to the byte.
 * @throws Error naming the file when it cannot be read or is no tokenizer of this project.
 */
export async function readVocabulary(path: string): Promise<VocabularySource> {
  const json = await readFile(path, "utf8").catch((cause) => {
    throw new Error(`cannot read the tokenizer ${path}`, { cause });
  });
  try {
    const value: unknown = JSON.parse(json);
    const tokenizer = Tokenizer.fromJson(value);
    if (tokenizer.vocabularySize > 65_536) throw new Error(`${path} has more than 65,536 ids: shards hold 16 bits`);
    return { json, tokenizer, merges: mergesSchema.parse(value).model.merges.length };
  } catch (error) {
    if (error instanceof SyntaxError) throw new Error(`${path} is not JSON: ${error.message}`);
    if (error instanceof BundleError) throw new Error(`${path}: ${error.message}`);
    throw error;
  }
}

/** The single characters that a vocabulary has. */
export function alphabetOf(tokenizer: Tokenizer): ReadonlySet<string> {
  const alphabet = new Set<string>();
  for (let id = SPECIAL_TOKENS.length; id < tokenizer.vocabularySize; id += 1) {
    const piece = tokenizer.pieceOf(id);
    if ([...piece].length === 1) alphabet.add(piece);
  }
  return alphabet;
}
