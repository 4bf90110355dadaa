// Writes a bundle's folder: tokenizer, weights, step graph, model card, and the manifest with their hashes.
import { copyFileSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { writeManifest } from "../../models/bundle.ts";
import { BUNDLE_FORMAT_VERSION, type BundleManifest } from "../../models/manifest.ts";
import { readSignature, writeSignature } from "../../models/read-write-signature.ts";
import {
  BLANK_ID,
  BOS_ID,
  EOS_ID,
  FORMAL_ID,
  INFORMAL_ID,
  PAD_ID,
  TARGET_TAG_IDS,
  UNK_ID,
} from "../../models/vocabulary.ts";
import type { Weights } from "../networks/parameters.ts";
import type { StudentArchitecture } from "../networks/student.ts";
import type { Architecture } from "../networks/transformer.ts";
import { writeSafetensors } from "../training/safetensors.ts";
import { type Precision, stepDescription, stepModel } from "./step-graph.ts";
import { readModel, readWriteWidths, writeModel } from "./wait-k-graphs.ts";

/** What every bundle says of itself beside its sizes. */
export interface BundleDescription {
  readonly name: string;
  readonly source: string;
  /** One language, or a list of those that it writes by the tags of their places in it. */
  readonly target: BundleManifest["target"];
  readonly tokenizerPath: string;
  /** Whether the model learnt the tags for forms of address. */
  readonly formality?: boolean;
  /** What it learnt to carry over. */
  readonly placeholders?: BundleManifest["placeholders"];
  readonly weights: Weights;
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  readonly recipeHash: string;
  /** The recipe with its defaults, and what ran it: `recipe.yaml`. */
  readonly recipeText?: string;
  readonly createdWith: string;
  readonly quality: BundleManifest["quality"];
  readonly licence: string;
  readonly attributions: readonly string[];
  readonly modelCard: string;
}

export interface StudentExport {
  readonly architecture: StudentArchitecture;
  readonly precision: Precision;
  readonly blankBias: number;
  readonly lags: NonNullable<BundleManifest["lags"]>;
  readonly maxSourceTokens: number;
}

export type AutoregressiveExport = Omit<StudentExport, "architecture" | "blankBias"> & {
  readonly architecture: Architecture;
};

const SPECIAL_IDS = { pad: PAD_ID, bos: BOS_ID, eos: EOS_ID, unk: UNK_ID, blank: BLANK_ID } as const;

const FORMALITY_TAGS = { formal: FORMAL_ID, informal: INFORMAL_ID } as const;

/** A CTC student's bundle, ready to serve; the weights go along so that training can start from them. */
export async function writeStudentBundle(
  folder: string,
  description: BundleDescription,
  student: StudentExport,
): Promise<BundleManifest> {
  const { architecture, precision, blankBias, lags, maxSourceTokens } = student;
  writeCommonFiles(folder, description);
  writeFileSync(join(folder, "step.onnx"), stepModel(architecture, description.weights, { precision, blankBias }));
  return writeManifest(folder, {
    ...commonFields(description),
    kind: "student",
    architecture: {
      ...sizes("ctc-student", architecture, description.weights),
      slotsPerToken: architecture.slotsPerToken,
    },
    lags,
    limits: { maxSourceTokens },
    blankBias,
    step: stepDescription(architecture),
    precision,
  });
}

/** The same for an autoregressive student that learnt to read and write by turns. */
export async function writeAutoregressiveBundle(
  folder: string,
  description: BundleDescription,
  { architecture, precision, lags, maxSourceTokens }: AutoregressiveExport,
): Promise<BundleManifest> {
  writeCommonFiles(folder, description);
  writeFileSync(join(folder, "read.onnx"), readModel(architecture, description.weights, precision));
  writeFileSync(join(folder, "write.onnx"), writeModel(architecture, description.weights, precision));
  return writeManifest(folder, {
    ...commonFields(description),
    kind: "student",
    architecture: sizes("autoregressive", architecture, description.weights),
    lags,
    limits: { maxSourceTokens },
    readWrite: readWriteSignatures(architecture),
    precision,
  });
}

/** What a manifest says of an autoregressive student's graphs. */
export function readWriteSignatures(architecture: Architecture): NonNullable<BundleManifest["readWrite"]> {
  const widths = readWriteWidths(architecture);
  return { ...widths, read: readSignature(widths), write: writeSignature(widths) };
}

/** A teacher's bundle: weights and tokenizer; `init:` and `teacher:` of a recipe read it. */
export async function writeTeacherBundle(
  folder: string,
  description: BundleDescription,
  architecture: Architecture,
): Promise<BundleManifest> {
  writeCommonFiles(folder, description);
  return writeManifest(folder, {
    ...commonFields(description),
    kind: "teacher",
    architecture: sizes("autoregressive", architecture, description.weights),
    limits: { maxSourceTokens: architecture.maxPositions },
    precision: "fp32",
  });
}

function writeCommonFiles(folder: string, description: BundleDescription): void {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  copyFileSync(description.tokenizerPath, join(folder, "tokenizer.json"));
  writeSafetensors(join(folder, "weights.safetensors"), description.weights, description.shapes);
  writeFileSync(join(folder, "MODEL_CARD.md"), description.modelCard);
  if (description.recipeText !== undefined) writeFileSync(join(folder, "recipe.yaml"), description.recipeText);
}

function commonFields(description: BundleDescription) {
  const { name, source, target, recipeHash, createdWith, quality, licence, placeholders } = description;
  const tags = {
    ...(Array.isArray(target) && { target: targetTags(target) }),
    ...(description.formality && { formality: FORMALITY_TAGS }),
  };
  return {
    formatVersion: BUNDLE_FORMAT_VERSION as typeof BUNDLE_FORMAT_VERSION,
    name,
    source,
    target,
    ...(Object.keys(tags).length > 0 && { tags }),
    ...(placeholders && { placeholders }),
    specialIds: SPECIAL_IDS,
    recipeHash,
    createdWith,
    quality,
    licence,
    attributions: [...description.attributions],
  };
}

function targetTags(targets: readonly string[]): NonNullable<NonNullable<BundleManifest["tags"]>["target"]> {
  return Object.fromEntries(targets.map((target, index) => [target, TARGET_TAG_IDS[index]]));
}

function sizes<T extends BundleManifest["architecture"]["type"]>(
  type: T,
  architecture: Architecture,
  weights: Weights,
) {
  const { width, heads, feedForward, encoderLayers, decoderLayers, vocabulary } = architecture;
  let parameters = 0;
  for (const values of weights.values()) parameters += values.length;
  return { type, width, heads, feedForward, encoderLayers, decoderLayers, vocabulary, parameters };
}
