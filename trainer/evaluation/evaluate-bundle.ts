// `souffleur evaluate`: a bundle on a test set, through the code that serves it.
import * as ort from "onnxruntime-node";
import { type Bundle, loadBundle } from "../../models/bundle.ts";
import { BundleError } from "../../models/bundle-error.ts";
import { carryingOf } from "../../models/carrying.ts";
import type { BundleManifest } from "../../models/manifest.ts";
import type { StepRunner } from "../../models/step-runner.ts";
import { isStudent, openStudent } from "../../models/student-model.ts";
import { chosenTarget, sourcePrefix, targetsOf } from "../../models/tags.ts";
import type { Wait } from "../../models/wait.ts";
import { transformerModel } from "../decoding/text-model.ts";
import { bundledStudent } from "../networks/bundled-student.ts";
import { readSafetensors } from "../training/safetensors.ts";
import { readCopySet } from "./copy-set.ts";
import { type DiagnosisRow, diagnose } from "./diagnosis.ts";
import { readFormalitySet } from "./formality-set.ts";
import { readGlossarySet } from "./glossary-set.ts";
import type { EvaluationReport } from "./report.ts";
import { evaluateStreaming, type FormalityTest, type GlossaryTest } from "./streaming.ts";
import { readTestSet, type TestSet } from "./test-set.ts";
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
  /** Of a teacher's search: α of Wu et al. 2016; more is longer. 1 when left out. */
  readonly lengthPenalty?: number;
  readonly threads: number;
  /** Whether the noisy test set is translated too. */
  readonly noise?: boolean;
  /** A copy set of which the share that survives is measured; a student's only. */
  readonly copy?: string;
  /** A glossary set: the share of its terms that appear, with the glossary and without it. */
  readonly glossary?: string;
  /** A formality set: the share of translations in the form of address that was asked for. */
  readonly formality?: string;
  /** Whether values go through placeholders where the bundle knows them, as they do when it is served. Default true. */
  readonly placeholders?: boolean;
  /** Whether a CTC student's slots are looked into. */
  readonly diagnose?: boolean;
}

/** @throws BundleError, TargetError, GlossaryError, FormalityError or HeldOutFileError when bundle, target or test set cannot be used. */
export async function evaluateBundle(options: EvaluateBundleOptions): Promise<EvaluationReport> {
  const { threads } = options;
  const bundle = await loadBundle(options.bundle);
  const { manifest, tokenizer } = bundle;
  const prefix = sourcePrefix(manifest, { target: options.target });
  const noiseLanguage = options.noise ? manifest.source : undefined;
  const { source } = manifest;
  const target = chosenTarget(manifest, options.target);
  const named = targetsOf(manifest).length > 1 ? target : undefined;
  const test = await readTestSet(options.test, {
    ...{ limit: options.limit, target: named },
    languages: { source, target },
  });
  const languages = { source, target };
  const terms = options.glossary === undefined ? undefined : await glossaryTest(manifest, options.glossary, languages);
  const formality =
    options.formality === undefined ? undefined : await formalityTest(manifest, options.formality, target);
  const copy = options.copy === undefined ? undefined : { set: await readCopySet(options.copy), source, target };
  if (isStudent(bundle)) {
    const model = await openStudent(ort, bundle, { intraOpNumThreads: threads });
    const report = await evaluateStreaming(test, model, tokenizer, {
      waits: options.wait,
      prefix,
      carrying: options.placeholders === false ? undefined : carryingOf(manifest, { target }),
      noiseLanguage,
      copy,
      terms,
      formality,
    });
    const diagnosis = options.diagnose ? await diagnoseBundle(bundle, test, model, { ...options, prefix }) : undefined;
    await model.release();
    return diagnosis ? { ...report, diagnosis } : report;
  }
  if (bundle.weightsPath === undefined) throw new Error(`${options.bundle} holds neither graphs nor weights`);
  const model = {
    architecture: { ...manifest.architecture, maxPositions: manifest.limits.maxSourceTokens },
    weights: readSafetensors(bundle.weightsPath).tensors,
    prefix,
  };
  if (options.diagnose) throw new BundleError("kind", `${options.bundle} is a teacher's bundle: it has no slots`);
  const settings = { beam: options.beam, lengthPenalty: options.lengthPenalty ?? 1, maxLengthRatio: 2 };
  return evaluateWholeSentences(test, transformerModel(model, tokenizer), settings, threads, noiseLanguage);
}

async function glossaryTest(
  manifest: BundleManifest,
  path: string,
  languages: { readonly source: string; readonly target: string },
): Promise<GlossaryTest> {
  const set = await readGlossarySet(path);
  const { glossary } = set;
  return { set, carrying: carryingOf(manifest, { target: languages.target, glossary }), ...languages };
}

async function formalityTest(manifest: BundleManifest, path: string, target: string): Promise<FormalityTest> {
  const prefixes = {
    formal: sourcePrefix(manifest, { target, formality: "formal" }),
    informal: sourcePrefix(manifest, { target, formality: "informal" }),
  };
  return { set: await readFormalitySet(path), prefixes, target };
}

function diagnoseBundle(
  { manifest, weightsPath, tokenizer }: Bundle,
  test: TestSet,
  runner: StepRunner,
  { bundle, wait, prefix, threads }: EvaluateBundleOptions & { readonly prefix: readonly number[] },
): Promise<DiagnosisRow[]> {
  const architecture = bundledStudent(manifest, bundle);
  if (weightsPath === undefined)
    throw new BundleError("missing", `${bundle} holds no weights.safetensors: its slots' probabilities are not known`);
  const { tensors: weights } = readSafetensors(weightsPath);
  const student = { runner, architecture, weights, blankBias: manifest.blankBias ?? 0 };
  return diagnose(test, student, tokenizer, { waits: wait, prefix, threads });
}
