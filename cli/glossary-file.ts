// A glossary file: one term a line, source and translation separated by a tab.
import { readFileSync } from "node:fs";
import { InvalidArgumentError } from "commander";
import { type GlossaryTerm, glossarySchema } from "../models/glossary.ts";

/** The terms of a file. @throws InvalidArgumentError naming the file's line. */
export function readGlossary(path: string): GlossaryTerm[] {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    throw new InvalidArgumentError(`There is no file ${path} that can be read.`);
  }
  const lines = text.split(/\r?\n/u).map((line, index) => ({ line, number: index + 1 }));
  const used = lines.filter(({ line }) => line.trim() !== "");
  const terms = used.map(({ line, number }) => {
    const [source, target, ...more] = line.split("\t");
    if (!source || !target || more.length > 0)
      throw new InvalidArgumentError(
        `${path}:${number}: a line must be a term and its translation, separated by a tab.`,
      );
    return { source, target };
  });
  const parsed = glossarySchema.safeParse(terms);
  if (parsed.success) return parsed.data;
  const [{ path: place, message }] = parsed.error.issues;
  const at = typeof place[0] === "number" ? `:${used[place[0]]?.number}` : "";
  throw new InvalidArgumentError(
    `${path}${at}: ${place[1] === undefined ? "the glossary" : `the ${String(place[1])}`} ${message}.`,
  );
}
