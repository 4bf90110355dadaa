// What a bundle's model carries over by placeholders, and how a segment's text is read for it.
import { Glossary, GlossaryError, type GlossaryTerm } from "./glossary.ts";
import type { BundleManifest } from "./manifest.ts";
import { SourceStream } from "./source-stream.ts";
import type { SourceWord } from "./source-word.ts";
import { type AskedOf, chosenTarget } from "./tags.ts";
import type { Tokenizer } from "./tokenizer.ts";
import { VALUE_KINDS } from "./value-pattern.ts";
import { type Carrying, ValueReader } from "./value-reader.ts";

export interface CarryingOptions extends AskedOf {
  glossary?: readonly GlossaryTerm[];
}

/** What of a manifest says what its model carries over. */
export type CarryingManifest = Pick<BundleManifest, "name" | "source" | "target" | "tags" | "placeholders">;

/** Whether the model has learnt to place a glossary's terms. */
export const knowsTerms = ({ placeholders }: Pick<BundleManifest, "placeholders">): boolean =>
  placeholders?.kinds.includes("term") ?? false;

/**
 * What the model carries over; undefined where it has learnt no placeholders, and then all text is read as it is.
 * @throws GlossaryError where there are terms and the model has not learnt to place them; TargetError as `chosenTarget`.
 */
export function carryingOf(manifest: CarryingManifest, options: CarryingOptions = {}): Carrying | undefined {
  const { placeholders, name, source } = manifest;
  const { glossary = [] } = options;
  if (glossary.length > 0 && !knowsTerms(manifest)) {
    throw new GlossaryError(`bundle "${name}" has not learnt to place a glossary's terms: leave it out (glossary)`);
  }
  if (!placeholders) return undefined;
  return {
    source,
    target: chosenTarget(manifest, options.target),
    kinds: new Set(VALUE_KINDS.filter((kind) => placeholders.kinds.includes(kind))),
    translated: new Set(placeholders.translated),
    glossary: glossary.length > 0 ? new Glossary(glossary) : undefined,
  };
}

/** Reads a segment's text. */
export interface Reader {
  push(text: string): SourceWord[];
  flush(): SourceWord[];
}

export function openReader(tokenizer: Tokenizer, carrying: Carrying | undefined): Reader {
  return carrying ? new ValueReader(tokenizer, carrying) : new SourceStream(tokenizer);
}
