// The weights that a recipe's `init` names: a bundle's folder or a training stage's.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Tokenizer } from "../../models/tokenizer.ts";
import { FORMAL_ID, INFORMAL_ID, PLACEHOLDER_IDS } from "../../models/vocabulary.ts";
import { freshenRows } from "../networks/fresh-rows.ts";
import { initialWeights, type ParameterSpec, type ShapedWeights, type Weights } from "../networks/parameters.ts";
import { sharePieces } from "../networks/shared-pieces.ts";
import { type Recipe, RecipeError } from "../recipe.ts";
import { readSafetensors } from "../training/safetensors.ts";
import { modelPath, type StageContext } from "./context.ts";
import type { PreparedStage } from "./prepare-stage.ts";
import { hashOfFile } from "./stage-folder.ts";

/** Weights to start from, read when they are needed. */
export interface InitialWeights {
  /** For the stage's key: other weights make another model. */
  readonly sha256: string;
  readonly folder: string;
  read(): ShapedWeights;
}

/**
 * @returns undefined where the recipe names none.
 * @throws RecipeError where the folder holds no weights, or another tokenizer than the corpus was encoded with.
 */
export async function namedWeights(
  context: StageContext,
  prepared: PreparedStage,
  role: "teacher" | "student",
): Promise<InitialWeights | undefined> {
  const { init: path, initVocabulary } = context.recipe[role].training;
  if (path === undefined) {
    if (initVocabulary === undefined) return undefined;
    throw new RecipeError(
      `${role}.training.initVocabulary: there is no init that it could be of: name one or leave it out`,
    );
  }
  const field = `${role}.training.init`;
  const folder = modelPath(context, path);
  const file = ["weights.safetensors", "best.safetensors"].map((name) => join(folder, name)).find(existsSync);
  if (!file) throw new RecipeError(`${field}: ${folder} holds neither weights.safetensors nor best.safetensors`);
  const sha256 = await hashOfFile(file);
  if (initVocabulary === undefined || (await hasSameTokenizer(folder, prepared))) {
    await checkSameTokenizer(field, folder, prepared);
    return { sha256, folder, read: () => readSafetensors(file) };
  }
  const read = () => {
    const old = Tokenizer.fromJson(JSON.parse(readFileSync(join(folder, "tokenizer.json"), "utf8")));
    const next = prepared.corpus.tokenizer;
    const { weights, shared } = sharePieces(readSafetensors(file), old, next, context.recipe.corpus.seed);
    context.say(`${role}: ${shared} of ${next.vocabularySize} pieces are also ${folder}'s, the others are drawn`);
    return weights;
  };
  return { sha256, folder, read };
}

/**
 * The ids of a model's embeddings mean something only with the tokenizer that it was trained with.
 * @throws RecipeError where the folder's tokenizer is not the corpus's; one without any is taken on trust.
 */
export async function checkSameTokenizer(field: string, folder: string, prepared: PreparedStage): Promise<void> {
  if (await hasSameTokenizer(folder, prepared)) return;
  throw new RecipeError(
    `${field}: ${folder} has another tokenizer than this recipe's corpus, so its ids mean other pieces; ` +
      `to train with that one, set corpus.tokenizer.file to ${join(folder, "tokenizer.json")}; ` +
      "to start from the pieces that both have, set initVocabulary: shared beside init",
  );
}

/** Whether the folder's tokenizer is the corpus's; one without any is taken on trust. */
export async function hasSameTokenizer(folder: string, prepared: PreparedStage): Promise<boolean> {
  const tokenizer = join(folder, "tokenizer.json");
  return !existsSync(tokenizer) || (await hashOfFile(tokenizer)) === prepared.corpus.index.tokenizerSha256;
}

/**
 * Starting values of a network, from other weights where there are some.
 * @throws RecipeError where `init` was named and none of its parameters fit.
 */
export function startingWeights(
  context: StageContext,
  role: "teacher" | "student",
  specs: readonly ParameterSpec[],
  named: InitialWeights | undefined,
  otherwise?: { readonly weights: ShapedWeights; readonly from: string },
): Weights {
  const { weights, copied } = initialWeights(specs, context.recipe.corpus.seed, named?.read() ?? otherwise?.weights);
  const from = named?.folder ?? otherwise?.from;
  if (named && copied.length === 0)
    throw new RecipeError(
      `${role}.training.init: no parameter in ${named.folder} has a name and shape of this network`,
    );
  if (from === undefined) return weights;
  context.say(`${role}: ${copied.length} of ${specs.length} parameters start from ${from}`);
  const { seed } = context.recipe.corpus;
  const fresh = freshenRows(weights, role === "student" ? taughtIds(context.recipe.student) : [], width(specs), seed);
  if (fresh > 0) context.say(`${role}: ${fresh} embeddings of placeholders and tags start afresh`);
  return weights;
}

/** The reserved ids that a student is to learn. */
function taughtIds({ placeholders, formality }: Recipe["student"]): number[] {
  return [...(placeholders.share > 0 ? PLACEHOLDER_IDS : []), ...(formality.share > 0 ? [FORMAL_ID, INFORMAL_ID] : [])];
}

const width = (specs: readonly ParameterSpec[]): number =>
  specs.find(({ name }) => name === "embedding")?.shape[1] ?? 1;
