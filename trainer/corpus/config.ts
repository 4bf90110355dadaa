// What `prepare` is told: the corpora, how they are cleaned and sampled, and the tokenizer to learn.
import { basename, dirname } from "node:path";
import { z } from "zod";
import { languageSchema } from "../../models/manifest.ts";
import { cleaningSchema } from "./cleaning.ts";

const corpusSchema = z.strictObject({
  /** A TSV file, `source<TAB>target`; packed when it ends in .gz. */
  path: z.string().min(1),
  /** How often an epoch goes over the corpus: 2 is twice, 0.1 another tenth of it each epoch. */
  weight: z.number().positive().max(1000).default(1),
  /** Share of its sentences that an epoch joins with one or two others into one pair. */
  join: z.number().min(0).max(1).default(0),
  /** Names the corpus's files; by default its folder and file names, such as `tatoeba-en-de.train`. */
  name: z
    .string()
    .regex(/^[\w.-]+$/, "letters, digits, dots, dashes and underscores only")
    .optional(),
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
  const file = basename(path).replace(/(\.tsv)?(\.gz)?$/, "");
  const folder = basename(dirname(path));
  return (folder === "" || folder === "." ? file : `${folder}.${file}`).replace(/[^\w.-]+/g, "-");
}
