// Sentences with the terms of a glossary, and the share of them that a translation has as the glossary says.
import { basename } from "node:path";
import { type GlossaryTerm, glossarySchema } from "../../models/glossary.ts";
import { readLines } from "../corpus/lines.ts";
import { corpusBleu } from "./bleu.ts";
import { survives } from "./copy-set.ts";
import type { TestSet } from "./test-set.ts";

/** A test set whose sentences say which terms they have. */
export interface GlossarySet extends TestSet {
  /** Of all sentences together, each term once: what the translator is given. */
  readonly glossary: readonly GlossaryTerm[];
  /** Of each sentence. */
  readonly terms: readonly (readonly GlossaryTerm[])[];
}

/** How translations with the glossary and without it do. */
export interface TermScores {
  readonly terms: number;
  /** Terms whose translation stands in the output as the glossary has it, of all. */
  readonly share: number;
  readonly shareWithout: number;
  readonly bleu: number;
  readonly bleuWithout: number;
}

export class GlossarySetError extends Error {
  override readonly name = "GlossarySetError";
  /** Wrong use. */
  readonly exitCode = 2;
}

/**
 * Reads `source<TAB>reference<TAB>term=translation[ | term=translation…]`.
 * @throws GlossarySetError naming file and line where a line is not like that, a term is not in its source, or stands
 * elsewhere with another translation.
 */
export async function readGlossarySet(path: string): Promise<GlossarySet> {
  const sentences: TestSet["sentences"] = [];
  const terms: GlossaryTerm[][] = [];
  const known = new Map<string, string>();
  for await (const line of readLines(path)) {
    const [source, reference, list, ...more] = line.split("\t");
    const refuse = (problem: string) => new GlossarySetError(`${path}:${sentences.length + 1}: ${problem}`);
    if (!source || !reference || !list || more.length > 0) {
      throw refuse("a line must be source, reference and terms, separated by tabs");
    }
    const named = list.split(" | ").map((item): GlossaryTerm => {
      const [term, translation, ...others] = item.split("=");
      if (!term || !translation || others.length > 0) throw refuse(`"${item}" must be term=translation`);
      if (!source.toLowerCase().includes(term.toLowerCase())) throw refuse(`"${term}" is not in the source`);
      const before = known.get(term.toLowerCase());
      if (before !== undefined && before !== translation)
        throw refuse(`"${term}" is "${before}" elsewhere: a glossary has one translation of a term`);
      known.set(term.toLowerCase(), translation);
      return { source: term, target: translation };
    });
    sentences.push({ source, references: [reference] });
    terms.push(named);
  }
  if (sentences.length === 0) throw new GlossarySetError(`${path} is empty`);
  const parsed = glossarySchema.safeParse([...known].map(([source, target]) => ({ source, target })));
  if (!parsed.success) throw new GlossarySetError(`${path}: ${parsed.error.issues[0]!.message}`);
  const name = basename(path).replace(/\.tsv(\.gz)?$/u, "");
  return { name, sentences, glossary: parsed.data, terms };
}

/**
 * @param outputs one translation a sentence, made with the set's glossary
 * @param without the same without it
 * @param source tag of the sources' language @param target of the outputs'
 */
export function termScores(
  set: GlossarySet,
  outputs: readonly string[],
  without: readonly string[],
  source: string,
  target: string,
): TermScores {
  const terms = set.terms.flat().length;
  const references = set.sentences.map((sentence) => sentence.references);
  const share = (texts: readonly string[]) => {
    const there = set.terms.map(
      (some, index) => some.filter((term) => survives(term.target, texts[index]!, source, target)).length,
    );
    return there.reduce((sum, count) => sum + count, 0) / terms;
  };
  return {
    ...{ terms, share: share(outputs), shareWithout: share(without) },
    ...{ bleu: corpusBleu(outputs, references).score, bleuWithout: corpusBleu(without, references).score },
  };
}
