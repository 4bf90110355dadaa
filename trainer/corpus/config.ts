// What `prepare` is told: the corpora, how they are cleaned and sampled, and the tokenizer to learn.
import { basename, dirname } from "node:path";
import { z } from "zod";
import { languageSchema } from "../../models/manifest.ts";
import { cleaningSchema } from "./cleaning.ts";
import { PAIR_FORMATS } from "./formats/pair-files.ts";

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

export const prepareConfigSchema = z.strictObject({
  source: languageSchema,
  target: languageSchema,
  seed: z.int().nonnegative().default(1),
  train: z.array(corpusSchema).min(1),
  /** Held-out TSV files, `source<TAB>reference[<TAB>reference…]`. */
  valid: z.array(z.string().min(1)).default([]),
  test: z.array(z.string().min(1)).default([]),
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
