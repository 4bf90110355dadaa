// Terms and how they are to be translated, found in words that come one by one: the longest term wins.
import { z } from "zod";
import { partsOf } from "./value-pattern.ts";

/** Terms of a glossary at most. */
export const MAX_GLOSSARY_TERMS = 500;
/** Characters of a term at most. */
export const MAX_TERM_CHARACTERS = 100;

const TERM_RULE = `must begin with a letter or digit and have at most ${MAX_TERM_CHARACTERS} characters`;

const termText = z
  .string(TERM_RULE)
  .max(MAX_TERM_CHARACTERS, TERM_RULE)
  .regex(/^\s*[\p{L}\p{N}]/u, TERM_RULE);

const LANGUAGE_RULE = 'must be a language code, such as "de"';

/** A glossary as clients give it: each term once for a language. */
export const glossarySchema = z
  .array(
    z.strictObject(
      {
        source: termText,
        target: termText,
        /** Which of several targets the term is for; needed only there. */
        language: z.string(LANGUAGE_RULE).min(1, LANGUAGE_RULE).max(64, LANGUAGE_RULE).optional(),
      },
      "must be {source, target}",
    ),
    "must be a list of {source, target}",
  )
  .max(MAX_GLOSSARY_TERMS, `must have at most ${MAX_GLOSSARY_TERMS} terms`)
  .superRefine((terms, context) => {
    const seen = new Set<string>();
    for (const [index, { source, language = "" }] of terms.entries()) {
      const key = `${language} ${wordsOf(source).join(" ")}`;
      if (seen.has(key)) {
        const message = "is there twice: case, and white space between words, do not matter";
        context.addIssue({ code: "custom", path: [index, "source"], message });
      }
      seen.add(key);
    }
  });

export type GlossaryTerm = z.infer<typeof glossarySchema>[number];

/** A glossary that does not fit what it is for. */
export class GlossaryError extends RangeError {
  override readonly name = "GlossaryError";
  /** Wrong use. */
  readonly exitCode = 2;
}

/**
 * The terms that are for one of the targets.
 * @throws GlossaryError for a term of another language, or one that does not say which of several targets it is for.
 */
export function termsFor(terms: readonly GlossaryTerm[], target: string, targets: readonly string[]): GlossaryTerm[] {
  for (const { language } of terms) {
    if (language === undefined ? targets.length === 1 : targets.includes(language)) continue;
    const problem =
      language === undefined ? "a term must say with its language which target it is for" : "a term is of no target";
    throw new GlossaryError(`${problem}; targets: ${targets.join(", ")} (glossary)`);
  }
  return terms.filter(({ language }) => language === undefined || language === target);
}

export interface GlossaryMatch {
  /** Whether the words are a whole term: its target. */
  target?: string;
  /** Whether a term goes on from here. */
  continues: boolean;
}

/** A glossary ready to be looked up: whole words in the form that it has, in any case. */
export class Glossary {
  readonly #targets = new Map<string, string>();
  readonly #beginnings = new Set<string>();

  constructor(terms: readonly GlossaryTerm[]) {
    for (const { source, target } of terms) {
      const words = wordsOf(source);
      this.#targets.set(words.join(" "), target.trim().replaceAll(/\s+/gu, " "));
      for (let count = 1; count < words.length; count++) this.#beginnings.add(words.slice(0, count).join(" "));
    }
  }

  get size(): number {
    return this.#targets.size;
  }

  /** Looks words up, the marks around them taken off. */
  match(words: readonly string[]): GlossaryMatch {
    const key = words.join(" ").toLowerCase();
    return { target: this.#targets.get(key), continues: this.#beginnings.has(key) };
  }
}

function wordsOf(term: string): string[] {
  return partsOf(term.normalize("NFC").trim()).value.toLowerCase().split(/\s+/u);
}
