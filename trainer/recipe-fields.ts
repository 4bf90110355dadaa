// The fields that a schema has: their paths and defaults, and which of them a mistyped one was meant to be.
import { z } from "zod";

export interface SchemaField {
  /** Such as `corpus.train[].path`. */
  readonly path: string;
  /** Undefined where there is none: the field is needed, or may be left out. */
  readonly default: unknown;
  /** False where a recipe must have it. */
  readonly optional: boolean;
}

/** Every field of a schema that holds a value and not more fields, in the schema's order. */
export function fieldsOf(schema: z.core.$ZodType, path = "", optional = false): SchemaField[] {
  if (schema instanceof z.ZodDefault) {
    const fallback: unknown = schema.def.defaultValue;
    return fieldsOf(schema.unwrap(), path, true).map((field) =>
      field.path === path ? { ...field, default: fallback } : field,
    );
  }
  if (schema instanceof z.ZodPrefault || schema instanceof z.ZodOptional || schema instanceof z.ZodNullable) {
    return fieldsOf(schema.unwrap(), path, true);
  }
  if (schema instanceof z.ZodObject) {
    const below = path === "" ? "" : `${path}.`;
    const shape: Record<string, z.core.$ZodType> = schema.shape;
    return Object.entries(shape).flatMap(([name, field]) => fieldsOf(field, `${below}${name}`, false));
  }
  if (schema instanceof z.ZodArray && schema.element instanceof z.ZodObject)
    return fieldsOf(schema.element, `${path}[]`);
  return [{ path, default: undefined, optional }];
}

/**
 * What an unknown field was meant to be: one of like spelling beside it, else the only one of its name elsewhere.
 * @param place the path of what it stands in, "" for the whole.
 */
export function meantField(fields: readonly SchemaField[], place: string, unknown: string): string | undefined {
  const prefix = place === "" ? "" : `${place}.`;
  const beside = fields
    .filter(({ path }) => path.startsWith(prefix))
    .map(({ path }) => path.slice(prefix.length).split(/[.[]/)[0]);
  const near = nearestWord(unknown, new Set(beside));
  if (near !== undefined) return near;
  const elsewhere = fields.filter(
    ({ path }) => path.endsWith(`.${unknown}`) && !path.startsWith(`${prefix}${unknown}`),
  );
  const closest = elsewhere.filter(({ path }) => path.startsWith(prefix));
  const found = closest.length === 1 ? closest : elsewhere;
  return found.length === 1 ? found[0].path : undefined;
}

/** The word with the fewest changed letters, where those are few. */
export function nearestWord(word: string, words: Iterable<string>): string | undefined {
  let best: string | undefined;
  let fewest = Math.max(2, Math.floor(word.length / 3)) + 1;
  for (const candidate of words) {
    const changes = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (changes < fewest && changes < candidate.length) [best, fewest] = [candidate, changes];
  }
  return best;
}

/** Levenshtein's distance, two neighbouring letters in the wrong order counted as one change (Damerau 1964). */
function editDistance(a: string, b: string): number {
  const rows = [Array.from({ length: b.length + 1 }, (_, at) => at)];
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      row[j] = Math.min(rows[i - 1][j] + 1, row[j - 1] + 1, rows[i - 1][j - 1] + same);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) row[j] = Math.min(row[j], rows[i - 2][j - 2] + 1);
    }
    rows.push(row);
  }
  return rows[a.length][b.length];
}
