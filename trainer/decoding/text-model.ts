// An autoregressive model with its own vocabulary: text in, text out, whatever network and tokenizer stand behind it.
import * as ort from "onnxruntime-node";
import type { Weights } from "../networks/parameters.ts";
import type { Architecture } from "../networks/transformer.ts";
import type { AutoregressiveScorer } from "./scorer.ts";
import { TransformerScorer } from "./transformer-scorer.ts";

/** Text to the ids that a model reads, and the ids that it writes to text. */
export interface TextCodec {
  /** Without an end. */
  encode(text: string): number[];
  decode(ids: Iterable<number>): string;
}

export interface TextModel {
  readonly codec: TextCodec;
  /** Source ids that it reads at most, the end not counted; longer sources are cut. */
  readonly longestSource: number;
  /** @param candidates ids that each row is given, best first, or the log-probability of every one. */
  open(candidates: number | "all", threads: number): Promise<AutoregressiveScorer>;
}

/** A network of this project and what it was trained with. */
export interface TransformerNetwork {
  readonly architecture: Architecture;
  readonly weights: Weights;
  /** Source ids before each sentence's own: tags. Default none. */
  readonly prefix?: readonly number[];
}

/** Our Transformer. */
export function transformerModel(
  { architecture, weights, prefix = [] }: TransformerNetwork,
  codec: TextCodec,
): TextModel {
  const encode = (text: string) => [...prefix, ...codec.encode(text)];
  return {
    codec: { encode, decode: (ids) => codec.decode(ids) },
    longestSource: architecture.maxPositions - 1,
    open: (candidates, threads) => TransformerScorer.create(ort, architecture, weights, { candidates, threads }),
  };
}
