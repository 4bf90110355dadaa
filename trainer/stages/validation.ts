// The sentences on which checkpoints are compared while training, and BLEU on them.
import type * as Ort from "onnxruntime-common";
import { StepModel } from "../../models/step-model.ts";
import type { StepRunner } from "../../models/step-runner.ts";
import { translateBatch } from "../../models/translate.ts";
import type { Wait } from "../../models/wait.ts";
import { WaitKModel } from "../../models/wait-k-model.ts";
import type { PreparedCorpus } from "../corpus/prepared.ts";
import { sequenceAt } from "../corpus/shard.ts";
import { BeamSearch, type BeamSearchSettings, translateAll } from "../decoding/beam-search.ts";
import { corpusBleu } from "../evaluation/bleu.ts";
import { corpusChrf } from "../evaluation/chrf.ts";
import { readWriteSignatures } from "../export/bundle-folder.ts";
import { type Precision, stepDescription, stepModel } from "../export/step-graph.ts";
import { readModel, writeModel } from "../export/wait-k-graphs.ts";
import type { Weights } from "../networks/parameters.ts";
import type { StudentArchitecture } from "../networks/student.ts";
import type { Architecture } from "../networks/transformer.ts";
import type { Validation } from "../training/snapshots.ts";

export interface ValidationSentences {
  readonly sources: readonly string[];
  /** Source ids, prefix included. */
  readonly ids: readonly (readonly number[])[];
  /** The prefix of each: its target's tag, where there are several. */
  readonly prefixes: readonly (readonly number[])[];
  /** Language of each, where there are several. */
  readonly targets: readonly (string | undefined)[];
  readonly references: readonly (readonly string[])[];
}

/** The first `limit` sentences of each validation set. */
export async function validationSentences(corpus: PreparedCorpus, limit: number): Promise<ValidationSentences> {
  const taken = await Promise.all(
    corpus.index.valid.map(async ({ name, target }) => {
      const set = await corpus.heldOut("valid", name);
      return { set, count: Math.min(limit, set.sources.length), target, prefix: corpus.prefixOf(target) };
    }),
  );
  return {
    sources: taken.flatMap(({ set, count }) => set.sources.slice(0, count)),
    ids: taken.flatMap(({ set, count, prefix }) =>
      Array.from({ length: count }, (_, index) => [...prefix, ...sequenceAt(set.shard.source, index)]),
    ),
    prefixes: taken.flatMap(({ count, prefix }) => Array.from({ length: count }, () => prefix)),
    targets: taken.flatMap(({ count, target }) => Array.from({ length: count }, () => target)),
    references: taken.flatMap(({ set, count }) => set.references.slice(0, count)),
  };
}

export interface Scores {
  bleu: number;
  chrf: number;
  brevityPenalty: number;
}

export function score(hypotheses: readonly string[], references: readonly (readonly string[])[]): Scores {
  const bleu = corpusBleu(
    [...hypotheses],
    references.map((list) => [...list]),
  );
  const chrf = corpusChrf(
    [...hypotheses],
    references.map((list) => [...list]),
  );
  return { bleu: bleu.score, chrf: chrf.score, brevityPenalty: bleu.brevityPenalty };
}

/** BLEU of each language by itself, for the log; nothing where there is one only. */
export function bleuByTarget(texts: readonly string[], sentences: ValidationSentences): Record<string, number> {
  const figures: Record<string, number> = {};
  for (const target of new Set(sentences.targets)) {
    if (target === undefined) continue;
    const of = <T>(list: readonly T[]) => list.filter((_, index) => sentences.targets[index] === target);
    figures[`bleu.${target}`] = score(of(texts), of(sentences.references)).bleu;
  }
  return figures;
}

/** Texts by beam search, in order. */
export async function teacherTranslations(
  ort: typeof Ort,
  architecture: Architecture,
  weights: Weights,
  settings: BeamSearchSettings,
  corpus: PreparedCorpus,
  ids: readonly (readonly number[])[],
  threads: number,
): Promise<string[]> {
  const search = await BeamSearch.create(ort, architecture, weights, settings, threads);
  try {
    const found = await translateAll(search, ids, 2048);
    return found.map((hypotheses) => corpus.tokenizer.decode(hypotheses[0]?.ids ?? []));
  } finally {
    await search.dispose();
  }
}

/** A CTC student's step model straight from its weights, without a bundle on disk. */
export async function studentStepModel(
  ort: typeof Ort,
  architecture: StudentArchitecture,
  weights: Weights,
  options: { precision: Precision; blankBias: number; threads: number },
): Promise<StepModel> {
  const { width, heads, feedForward, encoderLayers, decoderLayers, vocabulary, slotsPerToken, maxPositions } =
    architecture;
  const sizes = { width, heads, feedForward, encoderLayers, decoderLayers, vocabulary, slotsPerToken };
  let parameters = 0;
  for (const values of weights.values()) parameters += values.length;
  const manifest = {
    name: "student",
    kind: "student" as const,
    architecture: { type: "ctc-student" as const, ...sizes, parameters },
    step: stepDescription(architecture),
    limits: { maxSourceTokens: maxPositions },
  };
  return StepModel.create(ort, stepModel(architecture, weights, options), manifest, sessionOptions(options.threads));
}

/** The same for an autoregressive student. */
export async function waitKStudentModel(
  ort: typeof Ort,
  architecture: Architecture,
  weights: Weights,
  { precision, threads }: { precision: Precision; threads: number },
): Promise<WaitKModel> {
  const manifest = {
    name: "student",
    readWrite: readWriteSignatures(architecture),
    limits: { maxSourceTokens: architecture.maxPositions },
  };
  const graphs = {
    read: readModel(architecture, weights, precision),
    write: writeModel(architecture, weights, precision),
  };
  return WaitKModel.create(ort, graphs, manifest, sessionOptions(threads));
}

const sessionOptions = (threads: number): Ort.InferenceSession.SessionOptions => ({
  intraOpNumThreads: threads,
  enableMemPattern: false,
  logSeverityLevel: 3,
});

/** Texts at one lag, in order, each asked for with its prefix. */
export async function studentTranslations(
  model: StepRunner,
  corpus: PreparedCorpus,
  { sources, prefixes }: Pick<ValidationSentences, "sources" | "prefixes">,
  wait: Wait,
): Promise<string[]> {
  const texts: string[] = [];
  for (const key of new Set(prefixes.map(String))) {
    const places = [...sources.keys()].filter((place) => String(prefixes[place]) === key);
    const options = { wait, prefix: prefixes[places[0]!], batchSize: 64 };
    const group = places.map((place) => sources[place]!);
    const translations = await translateBatch(model, corpus.tokenizer, group, options);
    for (const [index, { text }] of translations.entries()) texts[places[index]!] = text;
  }
  return texts;
}

/**
 * A streaming student on the validation sentences, at its default lag, which decides, and for the whole sentence.
 * @param also another lag that is told of; a wait-k student's falls apart first at the shortest.
 */
export async function validateStreaming(
  model: StepRunner,
  corpus: PreparedCorpus,
  sentences: ValidationSentences,
  defaultWait: Wait,
  also?: number,
): Promise<Validation> {
  const at = async (wait: Wait) => {
    const texts = await studentTranslations(model, corpus, sentences, wait);
    return { ...score(texts, sentences.references), byTarget: bleuByTarget(texts, sentences) };
  };
  const { byTarget, ...atDefault } = await at(defaultWait);
  const full = await at("full");
  const figures = { ...atDefault, ...byTarget, bleuFull: full.bleu, brevityPenaltyFull: full.brevityPenalty };
  if (also === undefined || also === defaultWait) return { quality: atDefault.bleu, figures };
  return { quality: atDefault.bleu, figures: { ...figures, [`bleuWait${also}`]: (await at(also)).bleu } };
}
