// What `prepare` is told: the corpora, how they are cleaned and sampled, and the tokenizer to learn.
import { basename, dirname } from "node:path";
import { z } from "zod";
import { languageSchema, targetSchema } from "../../models/manifest.ts";
import { cleaningSchema } from "./cleaning.ts";
import { type Languages, PAIR_FORMATS } from "./formats/pair-files.ts";

/** Where a corpus's source side comes from, where it was not written by people. */
export const ORIGINS = ["back-translation"] as const;

const corpusSchema = z.strictObject({
  /** A file, a zip file, or what the names of two files begin with: `formats/pair-files.ts`. */
  path: z.string().min(1),
  /** Found by the names where it is left out. */
  format: z.enum(PAIR_FORMATS).optional(),
  /** The target side's file, where its name does not follow from the source side's. */
  targetPath: z.string().min(1).optional(),
  /** The member of a zip file; the source side's where there are two. */
  member: z.string().min(1).optional(),
  /** The language of its targets, where the recipe has several. */
  target: languageSchema.optional(),
  /** How often an epoch goes over the corpus: 2 is twice, 0.1 another tenth of it each epoch. */
  weight: z.number().positive().max(1000).default(1),
  /** Share of its sentences that an epoch joins with one or two others into one pair. */
  join: z.number().min(0).max(1).default(0),
  /** Names the corpus's files; by default its folder and file names, such as `tatoeba-en-de.train`. */
  name: z
    .string()
    .regex(/^[\w.-]+$/, "letters, digits, dots, dashes and underscores only")
    .optional(),
  /** Back-translated sources begin with a tag of their own, so that the teacher knows them from people's. */
  origin: z.enum(ORIGINS).optional(),
});

const heldOutSchema = z.union(
  [z.string().min(1), z.strictObject({ path: z.string().min(1), target: languageSchema.optional() })],
  "expected a file, or { path, target } where there are several targets",
);

const configSchema = z.strictObject({
  source: languageSchema,
  /** One language, or those that one model is to write, each asked for by its tag. */
  target: targetSchema,
  /** Evens out how often the targets come: a share p of the sampled pairs becomes p^(1/T), normalised. 1 when left out. */
  targetTemperature: z.number().min(1).max(100).optional(),
  seed: z.int().nonnegative().default(1),
  train: z.array(corpusSchema).min(1),
  /** Held-out TSV files, `source<TAB>reference[<TAB>reference…]`. */
  valid: z.array(heldOutSchema).default([]),
  test: z.array(heldOutSchema).default([]),
  cleaning: cleaningSchema.prefault({}),
  tokenizer: z
    .strictObject({
      size: z.int().min(64).max(65_536).default(6000),
      minimumCount: z.number().positive().default(20),
      /** A tokenizer.json to take over instead of learning one, such as a bundle's: its model can then be trained on. */
      file: z.string().min(1).optional(),
    })
    .prefault({}),
});

export const prepareConfigSchema = configSchema.superRefine((config, refinement) => {
  const complain = (path: (string | number)[], message: string) =>
    refinement.addIssue({ code: "custom", path, message });
  const targets = [config.target].flat();
  for (const field of ["train", "valid", "test"] as const) {
    for (const [at, entry] of config[field].entries()) {
      const target = targetOf(entry);
      if (targets.length === 1 ? target === undefined || target === targets[0] : targets.includes(target ?? ""))
        continue;
      const message = target === undefined ? "say which target it is of" : "it is none of this recipe";
      complain([field, at, "target"], `${message}; corpus.target is ${targets.join(", ")}`);
    }
  }
  if (targets.length === 1) {
    if (config.targetTemperature !== undefined) complain(["targetTemperature"], "there is one target only: remove it");
    return;
  }
  for (const target of targets) {
    if (!config.train.some((entry) => entry.target === target))
      complain(["train"], `no corpus has the target ${target}`);
  }
});

/** A held-out file as a recipe names it. */
export type HeldOutEntry = z.output<typeof heldOutSchema>;

export const pathOf = (entry: HeldOutEntry): string => (typeof entry === "string" ? entry : entry.path);

/** The language that an entry says its targets are in. */
export const targetOf = (entry: HeldOutEntry): string | undefined =>
  typeof entry === "string" ? undefined : entry.target;

/** The languages of one corpus or held-out set. */
export function languagesOf(
  { source, target }: Pick<ResolvedPrepareConfig, "source" | "target">,
  entry: HeldOutEntry,
): Languages {
  return { source, target: targetOf(entry) ?? [target].flat()[0] };
}

/** As given, with what has a default left out at will. */
export type PrepareConfig = z.input<typeof prepareConfigSchema>;
/** Complete. */
export type ResolvedPrepareConfig = z.output<typeof prepareConfigSchema>;

/** The name under which a corpus file's shard is kept, when the configuration gives none. */
export function corpusName(path: string): string {
  const file = basename(path).replace(/(\.(?:tsv|tmx|zip))?(\.gz)?$/, "");
  const folder = basename(dirname(path));
  return (folder === "" || folder === "." ? file : `${folder}.${file}`).replace(/[^\w.-]+/g, "-");
}
