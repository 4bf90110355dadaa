// Sentences with numbers, names, codes and addresses, and the share of them that a translation still has.
import { basename } from "node:path";
import { numberIn } from "../../models/number-format.ts";
import { readLines } from "../corpus/lines.ts";
import type { TestSet } from "./test-set.ts";

export type ValueKind = "number" | "name" | "code" | "address";

/** A test set whose sentences say what must be carried over. */
export interface CopySet extends TestSet {
  /** The values of each sentence, as its source has them. */
  readonly values: readonly (readonly string[])[];
}

export interface Copied {
  /** Values that the translations have, of all. */
  readonly share: number;
  readonly values: number;
  /** Shares by kind, of those that the set has. */
  readonly kinds: Readonly<Partial<Record<ValueKind, number>>>;
}

export class CopySetError extends Error {
  override readonly name = "CopySetError";
  /** Wrong use. */
  readonly exitCode = 2;
}

/**
 * Reads `source<TAB>reference<TAB>value[ | value…]`.
 * @throws CopySetError naming file and line where a line is not like that, or a value is not in its source.
 */
export async function readCopySet(path: string): Promise<CopySet> {
  const sentences: TestSet["sentences"] = [];
  const values: string[][] = [];
  for await (const line of readLines(path)) {
    const [source, reference, list, ...more] = line.split("\t");
    const refuse = (problem: string) => new CopySetError(`${path}:${sentences.length + 1}: ${problem}`);
    if (!source || !reference || !list || more.length > 0) {
      throw refuse("a line must be source, reference and values, separated by tabs");
    }
    const named = list.split(" | ");
    const missing = named.find((value) => !source.includes(value));
    if (missing !== undefined) throw refuse(`"${missing}" is not in the source`);
    sentences.push({ source, references: [reference] });
    values.push(named);
  }
  if (sentences.length === 0) throw new CopySetError(`${path} is empty`);
  return { name: basename(path).replace(/\.tsv(\.gz)?$/u, ""), sentences, values };
}

/** @param outputs one translation a sentence */
export function copiedShare(set: CopySet, outputs: readonly string[], source: string, target: string): Copied {
  const counts = new Map<ValueKind, { all: number; kept: number }>();
  for (const [index, values] of set.values.entries()) {
    for (const value of values) {
      const kind = kindOf(value);
      const count = counts.get(kind) ?? { all: 0, kept: 0 };
      count.all += 1;
      if (survives(value, outputs[index]!, source, target)) count.kept += 1;
      counts.set(kind, count);
    }
  }
  const totals = [...counts.values()];
  const all = totals.reduce((sum, count) => sum + count.all, 0);
  const kept = totals.reduce((sum, count) => sum + count.kept, 0);
  const kinds = Object.fromEntries([...counts].map(([kind, count]) => [kind, count.kept / count.all]));
  return { share: kept / all, values: all, kinds };
}

/** Whether the text has the value, not as a part of a longer one, as it was or as the target language writes the number. */
export function survives(value: string, text: string, source: string, target: string): boolean {
  const spaced = ` ${text.replaceAll(/\s/gu, " ")} `;
  return [value, numberIn(value, source, target)].some((form) => {
    const plain = form.replaceAll(/\s/gu, " ").replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
    return new RegExp(`(?<![\\p{L}\\p{N}])(?<!\\p{N}[.,:])${plain}(?![\\p{L}\\p{N}])(?![.,:]\\p{N})`, "u").test(spaced);
  });
}

export function kindOf(value: string): ValueKind {
  if (/@|:\/\/|^www\.|\p{L}\.\p{L}{2,}/u.test(value)) return "address";
  if (/^[\d.,:/-]+$/.test(value)) return "number";
  return /\d|^[\p{Lu}-]+$/u.test(value) ? "code" : "name";
}
