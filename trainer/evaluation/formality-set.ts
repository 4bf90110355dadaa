// Sentences that speak to somebody, with a formal and an informal reference, and the share that is as it was asked for.
import { basename } from "node:path";
import type { Formality } from "../../models/tags.ts";
import { registerOf } from "../corpus/formality/register.ts";
import { readLines } from "../corpus/lines.ts";
import { corpusBleu } from "./bleu.ts";

export interface FormalitySet {
  readonly name: string;
  readonly sources: readonly string[];
  /** One of each source, by form of address. */
  readonly references: Readonly<Record<Formality, readonly string[]>>;
}

/** Of translations that were asked for a form of address. */
export interface FormalityScores {
  /** Translations that have it, of all. */
  readonly share: number;
  /** Those that have it although nothing was asked for. */
  readonly shareUnasked: number;
  readonly bleu: number;
}

export class FormalitySetError extends Error {
  override readonly name = "FormalitySetError";
  /** Wrong use. */
  readonly exitCode = 2;
}

/**
 * Reads `source<TAB>formal reference<TAB>informal reference`.
 * @throws FormalitySetError naming file and line where a line is not like that.
 */
export async function readFormalitySet(path: string): Promise<FormalitySet> {
  const sources: string[] = [];
  const references: Record<Formality, string[]> = { formal: [], informal: [] };
  for await (const line of readLines(path)) {
    const [source, formal, informal, ...more] = line.split("\t");
    if (!source || !formal || !informal || more.length > 0) {
      const rule = "a line must be source, formal and informal reference, separated by tabs";
      throw new FormalitySetError(`${path}:${sources.length + 1}: ${rule}`);
    }
    sources.push(source);
    references.formal.push(formal);
    references.informal.push(informal);
  }
  if (sources.length === 0) throw new FormalitySetError(`${path} is empty`);
  return { name: basename(path).replace(/\.tsv(\.gz)?$/u, ""), sources, references };
}

/**
 * @param outputs one translation a sentence for each form of address
 * @param unasked the same without one
 * @param target tag of the outputs' language
 */
export function formalityScores(
  set: FormalitySet,
  outputs: Readonly<Record<Formality, readonly string[]>>,
  unasked: readonly string[],
  target: string,
): Record<Formality, FormalityScores> {
  const scores = (asked: Formality): FormalityScores => {
    const share = (texts: readonly string[]) =>
      texts.filter((text) => registerOf(text, target, { addressed: true }) === asked).length / texts.length;
    const references = set.references[asked].map((reference) => [reference]);
    const { score: bleu } = corpusBleu(outputs[asked], references);
    return { share: share(outputs[asked]), shareUnasked: share(unasked), bleu };
  };
  return { formal: scores("formal"), informal: scores("informal") };
}
