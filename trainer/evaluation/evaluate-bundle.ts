// `souffleur evaluate`: a bundle on a test set, through the code that serves it.
import * as ort from "onnxruntime-node";
import { loadBundle } from "../../models/bundle.ts";
import { isStudent, openStudent } from "../../models/student-model.ts";
import { sourcePrefix } from "../../models/tags.ts";
import type { Wait } from "../../models/wait.ts";
import { transformerModel } from "../decoding/text-model.ts";
import { readSafetensors } from "../training/safetensors.ts";
import type { EvaluationReport } from "./report.ts";
import { evaluateStreaming } from "./streaming.ts";
import { readTestSet } from "./test-set.ts";
import { evaluateWholeSentences } from "./whole-sentence.ts";

export interface EvaluateBundleOptions {
  readonly bundle: string;
  readonly test: string;
  /** The language to write, where the bundle has several. */
  readonly target?: string;
  /** Lags of a student; a teacher reads the whole sentence. */
  readonly wait: readonly Wait[];
  readonly limit?: number;
  /** A teacher's beam. */
  readonly beam: number;
  readonly threads: number;
  /** Whether the noisy test set is translated too. */
  readonly noise?: boolean;
}

const LENGTH_PENALTY = 1;

/** @throws BundleError, TargetError or HeldOutFileError when bundle, target or test set cannot be used. */
export async function evaluateBundle(options: EvaluateBundleOptions): Promise<EvaluationReport> {
  const { threads } = options;
  const bundle = await loadBundle(options.bundle);
  const { manifest, tokenizer } = bundle;
  const prefix = sourcePrefix(manifest, options);
  const test = await readTestSet(options.test, { limit: options.limit });
  const noiseLanguage = options.noise ? manifest.source : undefined;
  if (isStudent(bundle)) {
    const model = await openStudent(ort, bundle, { intraOpNumThreads: threads });
    const report = await evaluateStreaming(test, model, tokenizer, { waits: options.wait, prefix, noiseLanguage });
    await model.release();
    return report;
  }
  if (bundle.weightsPath === undefined) throw new Error(`${options.bundle} holds neither graphs nor weights`);
  const model = {
    architecture: { ...manifest.architecture, maxPositions: manifest.limits.maxSourceTokens },
    weights: readSafetensors(bundle.weightsPath).tensors,
    prefix,
  };
  const settings = { beam: options.beam, lengthPenalty: LENGTH_PENALTY, maxLengthRatio: 2 };
  return evaluateWholeSentences(test, transformerModel(model, tokenizer), settings, threads, noiseLanguage);
}
