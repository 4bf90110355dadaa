// bundle.json: what a bundle says about itself, and what it must fit.
import { z } from "zod";
import { BundleError } from "./bundle-error.ts";
import { readSignature, writeSignature } from "./read-write-signature.ts";
import { type StepSignature, signatureMismatch } from "./step-signature.ts";
import { VALUE_KINDS } from "./value-pattern.ts";
import { BLANK_ID, BOS_ID, EOS_ID, FORMAL_ID, INFORMAL_ID, PAD_ID, TARGET_TAG_IDS, UNK_ID } from "./vocabulary.ts";

/** The format this build reads and writes. */
export const BUNDLE_FORMAT_VERSION = 1;

/** The files a bundle may consist of, beside bundle.json. */
export const BUNDLE_FILES = [
  "tokenizer.json",
  "step.onnx",
  "read.onnx",
  "write.onnx",
  "weights.safetensors",
  "MODEL_CARD.md",
  "recipe.yaml",
] as const;

const size = z.int().positive();
const wait = z.union([z.int().positive(), z.literal("full")], 'expected an integer of at least 1, or "full"');
/** What a bundle's languages are called; a recipe's too, since they become a bundle's. */
export const languageSchema = z.string().regex(/^[a-z]{2,3}(-[A-Za-z0-9]+)*$/, 'expected a language tag such as "en"');

/** The languages that a model writes: one, or several by tags, as many as there are tags at most. */
export const targetSchema = z.union([
  languageSchema,
  z
    .array(languageSchema)
    .min(2, "a list of one: write the language alone")
    .max(TARGET_TAG_IDS.length, `at most ${TARGET_TAG_IDS.length} languages`)
    .refine((targets) => new Set(targets).size === targets.length, "a language is listed twice"),
]);

const tensorSchema = z.strictObject({
  name: z.string().min(1),
  type: z.enum(["int64", "int32", "float32"]),
  shape: z.array(z.union([z.int().nonnegative(), z.string().min(1)])),
});

const signatureSchema = z.strictObject({ inputs: z.array(tensorSchema), outputs: z.array(tensorSchema) });

const fields = z.strictObject({
  formatVersion: z.literal(BUNDLE_FORMAT_VERSION),
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9._-]*$/, 'expected a name such as "en-de": lower case, digits, ".", "_", "-"'),
  kind: z.enum(["student", "teacher"]),
  source: languageSchema,
  /** One language, or the list of those that the model writes when it is asked with their tags. */
  target: targetSchema,
  architecture: z.strictObject({
    type: z.enum(["ctc-student", "autoregressive"]),
    width: size,
    heads: size,
    feedForward: size,
    encoderLayers: size,
    decoderLayers: size,
    vocabulary: size,
    /** λ. */
    slotsPerToken: size.optional(),
    /** Number of trained values. */
    parameters: size,
  }),
  specialIds: z.strictObject({
    pad: z.literal(PAD_ID),
    bos: z.literal(BOS_ID),
    eos: z.literal(EOS_ID),
    unk: z.literal(UNK_ID),
    blank: z.literal(BLANK_ID),
  }),
  /** The tags that the model has learnt: source ids that ask it for something. */
  tags: z
    .strictObject({
      /** By target language. */
      target: z.record(z.string(), z.literal(TARGET_TAG_IDS)).optional(),
      /** By the form of address that they ask for. */
      formality: z.strictObject({ formal: z.literal(FORMAL_ID), informal: z.literal(INFORMAL_ID) }).optional(),
    })
    .optional(),
  /** What the model carries over by placeholders; without it, it has learnt none. */
  placeholders: z
    .strictObject({
      /** "term": the terms of a glossary. */
      kinds: z.array(z.enum([...VALUE_KINDS, "term"])).min(1),
      /** Words that look like unknown names and are translated, such as "Wednesday". */
      translated: z.array(z.string().min(1)).default([]),
    })
    .optional(),
  lags: z.strictObject({ trained: z.array(wait).min(1), default: wait }).optional(),
  limits: z.strictObject({
    /** Positions of a segment, EOS included. */
    maxSourceTokens: z.int().min(2),
  }),
  /** Subtracted from the blank's logit, inside step.onnx already. */
  blankBias: z.number().optional(),
  /** A CTC student's graph. */
  step: signatureSchema.extend({ sourceStateWidth: size, slotStateWidth: size }).optional(),
  /** An autoregressive student's two graphs. */
  readWrite: z
    .strictObject({
      encoderStateWidth: size,
      crossStateWidth: size,
      targetStateWidth: size,
      read: signatureSchema,
      write: signatureSchema,
    })
    .optional(),
  precision: z.enum(["fp32", "int8"]),
  files: z
    .array(
      z.strictObject({
        path: z.enum(BUNDLE_FILES),
        bytes: z.int().nonnegative(),
        sha256: z.string().regex(/^[0-9a-f]{64}$/, "expected 64 lower-case hexadecimal digits"),
      }),
    )
    .refine((files) => new Set(files.map(({ path }) => path)).size === files.length, "a file is listed twice"),
  recipeHash: z.string().min(1),
  createdWith: z.string().min(1),
  quality: z.array(
    z.strictObject({
      test: z.string().min(1),
      /** The language written; only where the bundle has several. */
      target: languageSchema.optional(),
      /** Null for a teacher, which has no wait. */
      wait: wait.nullable(),
      bleu: z.number(),
      chrf: z.number(),
      brevityPenalty: z.number(),
      /** Words; null where it is not defined. */
      averageLagging: z.number().nullable(),
      /** The same sentences with noise in their sources. */
      noisy: z.strictObject({ bleu: z.number(), chrf: z.number(), brevityPenalty: z.number() }).optional(),
    }),
  ),
  licence: z.string().min(1),
  attributions: z.array(z.string().min(1)),
});

/** What runs it, and so what a bundle holds. */
type BundleKind = "CTC student" | "autoregressive student" | "teacher";

const NEEDED_FILES: Readonly<Record<BundleKind, readonly (typeof BUNDLE_FILES)[number][]>> = {
  "CTC student": ["tokenizer.json", "step.onnx"],
  "autoregressive student": ["tokenizer.json", "read.onnx", "write.onnx"],
  teacher: ["tokenizer.json", "weights.safetensors"],
};

function kindOf({ kind, architecture }: z.infer<typeof fields>): BundleKind {
  if (kind === "teacher") return "teacher";
  return architecture.type === "ctc-student" ? "CTC student" : "autoregressive student";
}

const article = (kind: BundleKind): string => `${kind.startsWith("a") ? "an" : "a"} ${kind}`;

/** Each field's type, and what a student of either kind must have that others must not. */
export const bundleManifestSchema = fields.superRefine((manifest, context) => {
  const complain = (path: string[], message: string) => context.addIssue({ code: "custom", path, message });
  const kind = kindOf(manifest);
  const { type, slotsPerToken } = manifest.architecture;
  if (type === "ctc-student" && manifest.kind === "teacher") {
    complain(["architecture", "type"], 'a teacher is "autoregressive"');
  }
  const served: [string[], unknown, readonly BundleKind[]][] = [
    [["architecture", "slotsPerToken"], slotsPerToken, ["CTC student"]],
    [["step"], manifest.step, ["CTC student"]],
    [["readWrite"], manifest.readWrite, ["autoregressive student"]],
    [["lags"], manifest.lags, ["CTC student", "autoregressive student"]],
  ];
  for (const [path, value, kinds] of served) {
    if (kinds.includes(kind) && value === undefined) complain(path, `${article(kind)} needs this field`);
    if (!kinds.includes(kind) && value !== undefined) {
      complain(path, `${article(kind)} does not have this field: remove it`);
    }
  }
  if (manifest.architecture.width % manifest.architecture.heads !== 0) {
    complain(["architecture", "heads"], `must divide the width, ${manifest.architecture.width}`);
  }
  const targets = Array.isArray(manifest.target) ? manifest.target : [];
  const tags = Object.entries(manifest.tags?.target ?? {});
  if (targets.some((target) => !tags.some(([tagged]) => tagged === target)) || tags.length !== targets.length) {
    complain(
      ["tags", "target"],
      targets.length === 0 ? "one target has no tag" : "every target needs its tag, others none",
    );
  }
  if (new Set(tags.map(([, id]) => id)).size < tags.length) complain(["tags", "target"], "two targets share a tag");
  for (const [row, { target }] of manifest.quality.entries()) {
    const fits = targets.length === 0 ? target === undefined : target !== undefined && targets.includes(target);
    if (!fits)
      complain(["quality", String(row), "target"], "names the row's target where there are several, only then");
  }
  for (const path of NEEDED_FILES[kind]) {
    if (!manifest.files.some((file) => file.path === path)) complain(["files"], `${article(kind)} needs ${path}`);
  }
});

export type BundleManifest = z.infer<typeof bundleManifestSchema>;
export type BundleFile = BundleManifest["files"][number];

/**
 * A manifest that fits this build, from parsed JSON.
 * @param file the name that messages give it.
 * @throws BundleError `version`, `schema` (every field that does not fit, with its path) or `signature`.
 */
export function parseManifest(value: unknown, file = "bundle.json"): BundleManifest {
  const { formatVersion: found } = z.looseObject({ formatVersion: z.unknown() }).partial().catch({}).parse(value);
  if (found !== BUNDLE_FORMAT_VERSION) {
    const has = found === undefined ? "missing" : JSON.stringify(found);
    const reads = `this build reads version ${BUNDLE_FORMAT_VERSION}`;
    throw new BundleError("version", `${file}: formatVersion is ${has}; ${reads}: export the bundle again`);
  }
  const parsed = bundleManifestSchema.safeParse(value);
  if (!parsed.success) {
    const lines = parsed.error.issues.map(({ path, message }) => `${path.join(".") || "(whole)"}: ${message}`);
    throw new BundleError("schema", `${file} does not fit:\n  ${lines.join("\n  ")}`);
  }
  const manifest = parsed.data;
  const { readWrite } = manifest;
  if (readWrite) {
    checkSignature(`${file}: readWrite.read`, readSignature(readWrite), readWrite.read);
    checkSignature(`${file}: readWrite.write`, writeSignature(readWrite), readWrite.write);
  }
  return manifest;
}

function checkSignature(where: string, expected: StepSignature, found: StepSignature): void {
  const mismatch =
    signatureMismatch("input", expected.inputs, found.inputs) ??
    signatureMismatch("output", expected.outputs, found.outputs);
  if (mismatch !== undefined) throw new BundleError("signature", `${where}: ${mismatch}`);
}
