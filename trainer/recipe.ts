// A recipe: one YAML file that says how a model is made, checked field by field.
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { LineCounter, parseDocument } from "yaml";
import { z } from "zod";
import { languageSchema } from "../models/manifest.ts";
import { placeholdersSchema } from "./corpus/carrying/carrying-settings.ts";
import { prepareConfigSchema } from "./corpus/config.ts";
import { formalitySchema } from "./corpus/formality/formality-parts.ts";
import { hasRegisters, REGISTER_LANGUAGES } from "./corpus/formality/register.ts";
import { noiseSchema } from "./corpus/noise/noise-settings.ts";
import { needsTeacher, objectiveSchema } from "./objective.ts";
import { fieldsOf, meantField } from "./recipe-fields.ts";

const size = z.int().positive();
const waitSchema = z.union([z.int().positive(), z.literal("full")]);

const architectureSchema = z
  .strictObject({
    width: size.default(192),
    heads: size.default(4),
    feedForward: size.default(768),
    encoderLayers: size.default(4),
    decoderLayers: size.default(2),
    /** Positions that are defined: the longest sequence in tokens. */
    maxPositions: size.default(256),
  })
  .refine(({ width, heads }) => width % heads === 0, { path: ["heads"], message: "must divide the width" });

const trainingSchema = z.strictObject({
  steps: size.default(10_000),
  /** Padded tokens of a batch: rows × the longer side. */
  batchTokens: size.default(2048),
  /** Pairs longer than this many tokens a side are left out. */
  maximumTokens: size.default(96),
  peakRate: z.number().positive().default(1.5e-3),
  warmUpSteps: size.default(800),
  decay: z.enum(["inverse-sqrt", "cosine"]).default("cosine"),
  beta1: z.number().min(0).lt(1).default(0.9),
  beta2: z.number().min(0).lt(1).default(0.98),
  epsilon: z.number().positive().default(1e-9),
  /** Gradients are scaled down to this norm. */
  clipNorm: z.number().positive().default(1),
  dropout: z.number().min(0).lt(1).default(0.1),
  labelSmoothing: z.number().min(0).lt(1).default(0.1),
  /** How likely each merge is left out when a batch's sentences are cut into tokens; 0 and 0 turn it off. */
  bpeDropout: z
    .strictObject({ source: z.number().min(0).lt(1).default(0), target: z.number().min(0).lt(1).default(0) })
    .prefault({}),
  validateEverySteps: size.default(500),
  /** Sentences of each validation set that are translated. */
  validationSentences: size.default(300),
  /** Validations without a better BLEU after which training stops. */
  patience: size.default(20),
  /** The newest snapshots, one a validation, that are averaged into the result. */
  averageSnapshots: size.default(5),
  /** The best snapshots by validation BLEU whose average is a candidate too; 0 leaves it out. */
  averageBest: z.int().nonnegative().default(0),
  /** Decay of a moving average of the weights, which is validated beside them and a candidate too; 0 keeps none. */
  ema: z.number().min(0).lt(1).default(0),
  /** Batches whose gradients are added up before an update. */
  accumulate: size.default(1),
  checkpointSeconds: z.number().positive().default(240),
  logEverySteps: size.default(20),
  /** A bundle's or a stage's folder whose parameters of the same name and shape are the start. */
  init: z.string().optional(),
  /** `init` may have another tokenizer: rows of the pieces that both have are taken over, the others drawn. */
  initVocabulary: z.literal("shared").optional(),
});

export const recipeSchema = z
  .strictObject({
    name: z.string().regex(/^[a-z0-9][a-z0-9._-]*$/, "lower case letters, digits, dots, dashes"),
    /** The corpora and the tokenizer; paths are relative to the data folder. */
    corpus: prepareConfigSchema,
    /** Threads of onnxruntime; the same number gives the same losses. */
    threads: size.default(1),
    teacher: z
      .strictObject({
        architecture: architectureSchema.prefault({}),
        training: trainingSchema.prefault({}),
        /** Noise on the sources it is trained on. */
        noise: noiseSchema.prefault({}),
        /**
         * The folder of a teacher's bundle that is used as it is; none is trained. By target where each of several has its
         * own.
         */
        bundle: z.union([z.string().min(1), z.record(languageSchema, z.string().min(1))]).optional(),
        /** A translation model in the Hugging Face layout that is used as it is; none is trained. */
        huggingFace: z
          .strictObject({
            folder: z.string().min(1),
            /** Its own names of the languages; the corpus's when left out. */
            sourceLanguage: z.string().min(1).optional(),
            targetLanguage: z.string().min(1).optional(),
          })
          .optional(),
      })
      .prefault({}),
    distill: z
      .strictObject({
        /** What becomes the student's target: the best hypothesis, the n best, samples, or the one nearest to the reference. */
        method: z.enum(["beam", "nbest", "sample", "seq-inter"]).default("beam"),
        /** Targets of a sentence: of nbest, the whole beam when left out; of sample, one. */
        hypotheses: size.optional(),
        sampling: z
          .strictObject({
            temperature: z.number().positive().default(1),
            /** Only the k likeliest ids are drawn from; 0 is all. */
            topK: z.int().nonnegative().default(0),
          })
          .prefault({}),
        /** Ids of the teacher's distribution that are stored for each target position; none when left out. */
        topK: z.int().min(1).max(256).optional(),
        beam: size.default(4),
        lengthPenalty: z.number().default(1),
        maxLengthRatio: z.number().positive().default(2),
        batchTokens: size.default(2048),
        /** Corpora that are translated by the teacher, by name; all when left out. The others go to the student as they are. */
        corpora: z.array(z.string()).optional(),
        /** Sentences of a part: what is lost at most when the work is stopped. */
        partSentences: size.default(2000),
      })
      .prefault({}),
    student: z
      .strictObject({
        /**
         * A CTC student streams; an autoregressive one is a smaller teacher, of whole sentences; wait-k is autoregressive
         * and streams.
         */
        type: z.enum(["ctc", "autoregressive", "wait-k"]).default("ctc"),
        architecture: architectureSchema.prefault({}),
        /** λ: decoder slots for each source token. */
        slotsPerToken: size.default(2),
        training: trainingSchema.prefault({ labelSmoothing: 0 }),
        /** Noise on the sources it is trained on; the teacher's translations are of the clean ones. */
        noise: noiseSchema.prefault({}),
        /** Pairs with placeholders: what teaches it to carry values and a glossary's terms over. */
        placeholders: placeholdersSchema.prefault({}),
        /** Pairs with a tag for their target's form of address. */
        formality: formalitySchema.prefault({}),
        /** Start from the teacher's parameters where name and shape agree. */
        initFromTeacher: z.boolean().default(true),
        /** Lags are drawn from 1 … maximum, and "full" with this probability. */
        waits: z.strictObject({ maximum: size.default(9), full: z.number().min(0).max(1).default(0.3) }).prefault({}),
        glancing: z
          .strictObject({ start: z.number().min(0).max(1).default(0), end: z.number().min(0).max(1).default(0) })
          .prefault({}),
        /**
         * A second training of a CTC student from the first one's result, for expected n-gram overlap; 0 steps leave it
         * out. The weights are of the loss's terms.
         */
        fineTune: z
          .strictObject({
            steps: z.int().nonnegative().default(0),
            peakRate: z.number().positive().default(3e-4),
            warmUpSteps: size.default(50),
            validateEverySteps: size.default(250),
            ctc: z.number().min(0).default(0),
            unigram: z.number().min(0).default(0),
            bigram: z.number().min(0).default(1),
            lagging: z.number().min(0).default(0),
          })
          .refine(({ ctc, unigram, bigram }) => ctc + unigram + bigram > 0, "ctc, unigram or bigram must be above 0")
          .prefault({}),
        /** How often an epoch also goes over a distilled corpus's own pairs, relative to its weight; 0 leaves them out. */
        rawWeight: z.number().min(0).default(0),
        /** What its loss is made of beside its targets' likelihood. */
        objective: objectiveSchema.prefault({}),
      })
      .prefault({}),
    evaluate: z
      .strictObject({
        waits: z.array(waitSchema).min(1).default([1, 3, 5, "full"]),
        beam: size.default(4),
        lengthPenalty: z.number().default(1),
        /** Whether the student is also given each test set with noise. */
        noise: z.boolean().default(false),
      })
      .prefault({}),
    export: z
      .strictObject({
        precision: z.enum(["fp32", "int8"]).default("int8"),
        /** Candidates for what is taken from the blank's logit; the best BLEU on the validation sets wins. */
        blankBias: z.array(z.number()).min(1).default([0, 0.5, 1, 1.5, 2]),
        defaultWait: waitSchema.default(3),
        licence: z.string().default("Apache-2.0"),
        attributions: z.array(z.string()).default([]),
        /** Paragraphs for the model card: what the data is, what the model is good and bad at. */
        notes: z.string().default(""),
      })
      .prefault({}),
  })
  .superRefine(({ corpus, teacher: { bundle, huggingFace } }, refinement) => {
    const targets = [corpus.target].flat();
    if (typeof bundle === "object" && String(Object.keys(bundle).sort()) !== String([...targets].sort())) {
      const message = `one for each of the targets, ${targets.join(", ")}, and no others`;
      refinement.addIssue({ code: "custom", path: ["teacher", "bundle"], message });
    }
    if (huggingFace !== undefined && targets.length > 1) {
      const message = "it is asked for one language, and corpus.target has several: distil each in a recipe of its own";
      refinement.addIssue({ code: "custom", path: ["teacher", "huggingFace"], message });
    }
    if (bundle === undefined || huggingFace === undefined) return;
    const message = "teacher.bundle names a teacher already: leave one of the two out";
    refinement.addIssue({ code: "custom", path: ["teacher", "huggingFace"], message });
  })
  .superRefine(({ distill: { method, hypotheses = 1, beam } }, refinement) => {
    const refuse = (message: string) =>
      refinement.addIssue({ code: "custom", path: ["distill", "hypotheses"], message });
    if (hypotheses > 1 && (method === "beam" || method === "seq-inter"))
      refuse(`method ${method} gives each sentence one target; nbest and sample give several`);
    if (method === "nbest" && hypotheses > beam) refuse(`more than distill.beam, ${beam}, finds`);
  })
  .superRefine(({ corpus, student: { type, formality, placeholders, objective } }, refinement) => {
    const refuse = (field: string, message: string) =>
      refinement.addIssue({ code: "custom", path: ["student", field, "share"], message });
    if (placeholders.share > 0 && type !== "ctc")
      refuse("placeholders", "only a CTC student writes placeholders: leave it out, or set student.type to ctc");
    const unknown = [corpus.target].flat().filter((target) => !hasRegisters(target));
    if (formality.share > 0 && unknown.length > 0)
      refuse(
        "formality",
        `forms of address are known of ${REGISTER_LANGUAGES.join(", ")}, not of ${unknown.join(", ")}`,
      );
    if (!needsTeacher(objective)) return;
    const message = "the teacher is asked about every pair and has not learnt these: leave one of the two out";
    if (formality.share > 0) refuse("formality", `with student.objective, ${message}`);
    if (placeholders.share > 0) refuse("placeholders", `with student.objective, ${message}`);
  })
  .superRefine((recipe, refinement) => {
    const { type, glancing, fineTune } = recipe.student;
    if (type !== "ctc" && fineTune.steps > 0) {
      const message = "only a CTC student is fine-tuned for n-grams: leave it out, or set student.type to ctc";
      refinement.addIssue({ code: "custom", path: ["student", "fineTune", "steps"], message });
    }
    if (type !== "ctc" && (glancing.start > 0 || glancing.end > 0)) {
      const message = "only a CTC student has slots to glance at: leave it out, or set student.type to ctc";
      refinement.addIssue({ code: "custom", path: ["student", "glancing"], message });
    }
    const { objective, rawWeight } = recipe.student;
    const word = objective.wordLevel;
    const complainOf = (path: readonly string[], message: string) =>
      refinement.addIssue({ code: "custom", path: ["student", "objective", ...path], message });
    const complain = (field: string, message: string) => complainOf(["wordLevel", field], message);
    if (objective.onPolicy.rate > 0 && type === "ctc")
      complainOf(["onPolicy"], "a CTC student does not read what it wrote, so its own prefixes teach it nothing new");
    if (objective.onPolicy.rate > 0 && type === "wait-k") {
      const message =
        "it writes whole sentences, as a wait-k student does not: leave it out, or set student.type to autoregressive";
      complainOf(["onPolicy"], message);
    }
    if (objective.mutualInformation.prefixes === "own" && objective.onPolicy.rate === 0)
      complainOf(
        ["mutualInformation", "prefixes"],
        "the student writes none: set student.objective.onPolicy.rate above 0",
      );
    if (word.pairs === "raw" && rawWeight === 0 && recipe.distill.corpora === undefined)
      complain("pairs", "no raw pair comes in: set student.rawWeight above 0");
    if (word.source === "stored" && recipe.distill.topK === undefined)
      complain("source", "nothing is stored: set distill.topK, or take the teacher online");
    if (word.source === "stored" && word.pairs === "raw")
      complain("pairs", "distributions are stored for distilled pairs only: take the teacher online for raw ones");
    if (word.weight > 0 && word.source === "stored" && recipe.student.training.bpeDropout.target > 0)
      complain(
        "source",
        "distributions are stored for the targets' own tokens: set student.training.bpeDropout.target to 0",
      );
    for (const role of ["teacher", "student"] as const) {
      const { architecture, training } = recipe[role];
      if (training.maximumTokens <= architecture.maxPositions) continue;
      const message = `longer than ${role}.architecture.maxPositions, ${architecture.maxPositions}`;
      refinement.addIssue({ code: "custom", path: [role, "training", "maximumTokens"], message });
    }
  });

export type Recipe = z.output<typeof recipeSchema>;
export type TrainingSettings = Recipe["teacher"]["training"];

/** A recipe that cannot be used; the message names file, line and field. */
export class RecipeError extends Error {
  override name = "RecipeError";
  /** Wrong use. */
  readonly exitCode = 2;
}

/** @throws RecipeError with every field that does not fit, its line, and what was expected. */
export function parseRecipe(text: string, file: string): Recipe {
  const lines = new LineCounter();
  // `<<: *anchor` is not of YAML 1.2, and yet what people share settings with
  const document = parseDocument(text, { lineCounter: lines, merge: true });
  const [broken] = document.errors;
  if (broken) throw new RecipeError(`${file}:${lines.linePos(broken.pos[0]).line}: ${broken.message}`);
  let value: unknown;
  try {
    value = document.toJS();
  } catch (error) {
    throw new RecipeError(`${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
  const parsed = recipeSchema.safeParse(withoutHistory(value));
  if (parsed.success) return parsed.data;
  const messages = parsed.error.issues.flatMap((issue) => {
    if (issue.code !== "unrecognized_keys") return [complaint(issue.path, issue.message)];
    return issue.keys.map((key) => complaint([...issue.path, key], unknownField(issue.path, key)));
  });
  throw new RecipeError(messages.join("\n"));

  function complaint(path: readonly PropertyKey[], message: string): string {
    return `${file}:${lineOf(path)}: ${path.join(".") || "(whole)"}: ${message}`;
  }

  /** The line of the deepest part of the path that the file holds. */
  function lineOf(path: readonly PropertyKey[]): number {
    for (let depth = path.length; depth > 0; depth -= 1) {
      const node = document.getIn(path.slice(0, depth), true);
      const range = node && typeof node === "object" && "range" in node ? node.range : undefined;
      if (Array.isArray(range) && typeof range[0] === "number") return lines.linePos(range[0]).line;
    }
    return 1;
  }
}

/** A recipe as a bundle keeps it says in `madeWith` what ran it: nothing that the next run must know. */
function withoutHistory(value: unknown): unknown {
  if (typeof value !== "object" || value === null || !("madeWith" in value)) return value;
  const { madeWith: _, ...recipe } = value;
  return recipe;
}

function unknownField(place: readonly PropertyKey[], key: string): string {
  const path = place.map((part) => (typeof part === "number" ? "[]" : `.${String(part)}`)).join("");
  const meant = meantField(fieldsOf(recipeSchema), path.replace(/^\./, ""), key);
  return `there is no such field${meant === undefined ? "" : `; did you mean ${meant}?`}`;
}

export function loadRecipe(path: string): Recipe {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw new RecipeError(`${path}: cannot be read (${error instanceof Error ? error.message : String(error)})`);
  }
  return parseRecipe(text, basename(path));
}
