// A model's folder as Optimum exports it for onnxruntime: graphs, configuration and tokenizer, checked.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Tokenizer } from "@huggingface/tokenizers";
import { z } from "zod";
import { HuggingFaceError } from "./hugging-face-error.ts";

/** What makes the two graphs and their past keys and values. */
const EXPORT_COMMAND = "optimum-cli export onnx --model MODEL --task text2text-generation-with-past FOLDER";

/** The kinds of models that are known: all of them are Transformers of the BART family, with the same inputs. */
export const MODEL_TYPES = ["marian", "m2m_100", "mbart"] as const;
export type ModelType = (typeof MODEL_TYPES)[number];

const id = z.int().nonnegative();
/** Of generation_config.json and, in older exports, of config.json. */
const generationFields = {
  decoder_start_token_id: id.nullish(),
  eos_token_id: z.union([id, z.array(id)]).nullish(),
  pad_token_id: id.nullish(),
  forced_bos_token_id: id.nullish(),
  bad_words_ids: z.array(z.array(id)).nullish(),
  max_length: z.int().positive().nullish(),
};
const generationSchema = z.object(generationFields);
const configSchema = z.object({
  ...generationFields,
  model_type: z.string(),
  d_model: z.int().positive(),
  decoder_attention_heads: z.int().positive(),
  decoder_layers: z.int().positive(),
  max_position_embeddings: z.int().positive(),
});
const tokenizerConfigSchema = z.object({
  tokenizer_class: z.string().nullish(),
  /** NLLB as before April 2023: the source language stands behind the text. */
  legacy_behaviour: z.boolean().nullish(),
});

export interface ModelFolder {
  readonly path: string;
  readonly type: ModelType;
  readonly encoderPath: string;
  readonly decoderPath: string;
  /** Everything that decides what the model writes, for a key. */
  readonly files: readonly string[];
  readonly tokenizer: Tokenizer;
  readonly tokenizerClass: string | undefined;
  readonly legacyBehaviour: boolean;
  readonly decoderLayers: number;
  readonly heads: number;
  readonly headWidth: number;
  readonly startId: number;
  readonly endId: number;
  readonly padId: number;
  /** What the configuration itself forces as the first id that is written; a target language comes before it. */
  readonly forcedFirstId: number | undefined;
  /** Ids that are never written: the padding and `bad_words_ids`. */
  readonly forbiddenIds: readonly number[];
  /** Source ids at most, its special ones included. */
  readonly maxPositions: number;
  /** Ids that are written at most, start, forced ones and end included. */
  readonly maxLength: number;
}

/**
 * Reads `config.json`, `generation_config.json` (older exports have its fields in the former), `tokenizer.json` and
 * `tokenizer_config.json` (optional), and finds `encoder_model.onnx` and `decoder_model_merged.onnx` in the folder or in
 * `onnx/` below it.
 * @throws HuggingFaceError for a file that is missing or does not fit, and for a type of model that is not known.
 */
export function openModelFolder(path: string): ModelFolder {
  if (!existsSync(path)) throw new HuggingFaceError(`${path} does not exist`);
  const configPath = join(path, "config.json");
  const config = configSchema.safeParse(readJson(configPath));
  const type = z.object({ model_type: z.string() }).safeParse(readJson(configPath)).data?.model_type;
  if (!isModelType(type)) {
    const found = type === undefined ? "has no model_type" : `model_type is ${type}`;
    throw new HuggingFaceError(`${configPath}: ${found}; known ones are ${MODEL_TYPES.join(", ")}`);
  }
  if (!config.success) throw new HuggingFaceError(`${configPath}: ${z.prettifyError(config.error)}`);
  const generationPath = join(path, "generation_config.json");
  const generation = generationSchema.safeParse(existsSync(generationPath) ? readJson(generationPath) : {});
  if (!generation.success) throw new HuggingFaceError(`${generationPath}: ${z.prettifyError(generation.error)}`);
  const need = (field: "decoder_start_token_id" | "pad_token_id"): number => {
    const value = generation.data[field] ?? config.data[field];
    if (value == null)
      throw new HuggingFaceError(`${path}: neither generation_config.json nor config.json has ${field}`);
    return value;
  };
  const padId = need("pad_token_id");
  const badWords = generation.data.bad_words_ids ?? config.data.bad_words_ids ?? [];
  const phrase = badWords.find((ids) => ids.length !== 1);
  if (phrase) {
    throw new HuggingFaceError(
      `${generationPath}: bad_words_ids has [${phrase.join(", ")}]; only single tokens can be forbidden: take it out`,
    );
  }
  const tokenizerConfigPath = join(path, "tokenizer_config.json");
  const hasTokenizerConfig = existsSync(tokenizerConfigPath);
  const tokenizerConfig = hasTokenizerConfig ? readJson(tokenizerConfigPath) : {};
  const known = tokenizerConfigSchema.safeParse(tokenizerConfig);
  if (!known.success) throw new HuggingFaceError(`${tokenizerConfigPath}: ${z.prettifyError(known.error)}`);
  const { d_model, decoder_attention_heads, decoder_layers, max_position_embeddings } = config.data;
  const encoderPath = graphPath(path, "encoder_model.onnx");
  const decoderPath = graphPath(path, "decoder_model_merged.onnx");
  return {
    ...{ path, type, encoderPath, decoderPath },
    files: [
      ...[configPath, join(path, "tokenizer.json")],
      ...[generationPath, tokenizerConfigPath].filter((file) => existsSync(file)),
      ...[encoderPath, decoderPath].flatMap(withExternalData),
    ],
    tokenizer: readTokenizer(join(path, "tokenizer.json"), tokenizerConfig),
    tokenizerClass: known.data.tokenizer_class ?? undefined,
    legacyBehaviour: known.data.legacy_behaviour ?? false,
    decoderLayers: decoder_layers,
    heads: decoder_attention_heads,
    headWidth: d_model / decoder_attention_heads,
    startId: need("decoder_start_token_id"),
    endId: endIdOf(path, generation.data.eos_token_id ?? config.data.eos_token_id),
    padId,
    forcedFirstId: generation.data.forced_bos_token_id ?? config.data.forced_bos_token_id ?? undefined,
    forbiddenIds: [...new Set([padId, ...badWords.flat()])],
    maxPositions: max_position_embeddings,
    maxLength: Math.min(
      max_position_embeddings,
      generation.data.max_length ?? config.data.max_length ?? max_position_embeddings,
    ),
  };
}

const isModelType = (type: string | undefined): type is ModelType => MODEL_TYPES.some((known) => known === type);

function endIdOf(path: string, found: number | readonly number[] | null | undefined): number {
  const [end, ...others] = [found ?? []].flat();
  if (end === undefined)
    throw new HuggingFaceError(`${path}: neither generation_config.json nor config.json has eos_token_id`);
  if (others.length > 0) throw new HuggingFaceError(`${path}: eos_token_id has several ids; name one`);
  return end;
}

function graphPath(path: string, name: string): string {
  const found = [join(path, name), join(path, "onnx", name)].find((file) => existsSync(file));
  if (found !== undefined) return found;
  throw new HuggingFaceError(`${join(path, name)} is missing (also in onnx/); it is made by: ${EXPORT_COMMAND}`);
}

/** A graph of more than 2 GB keeps its weights in files beside it, named after it. */
function withExternalData(file: string): string[] {
  const [folder, name] = [join(file, ".."), file.slice(file.lastIndexOf("/") + 1)];
  const data = readdirSync(folder).filter((other) => other.startsWith(`${name}_data`) || other === `${name}.data`);
  return [file, ...data.sort().map((other) => join(folder, other))];
}

function readTokenizer(path: string, config: object): Tokenizer {
  const json = readJson(path);
  try {
    return new Tokenizer(json, config);
  } catch (error) {
    throw new HuggingFaceError(`${path}: ${error instanceof Error ? error.message : error}`);
  }
}

function readJson(path: string): object {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    if (error instanceof SyntaxError) throw new HuggingFaceError(`${path} is no JSON: ${error.message}`);
    if (!existsSync(path)) throw new HuggingFaceError(`${path} is missing`);
    throw error;
  }
  if (typeof value !== "object" || value === null) throw new HuggingFaceError(`${path} is no JSON object`);
  return value;
}
