// TMX 1.1 to 1.4b, the exchange format of translation memories, read as a stream.
import { SaxesParser } from "saxes";
import { decodedText } from "./decoded-text.ts";
import type { Languages } from "./pair-files.ts";
import { cannotRead, type Place } from "./place.ts";
import type { RawPair } from "./raw-pair.ts";

/** Inline elements whose content is another program's code, not text (TMX 1.4b, section 3.2). `hi` holds text. */
const CODE_ELEMENTS = new Set(["bpt", "ept", "it", "ph", "ut", "sub"]);

interface Variant {
  language: string;
  text: string;
}

/**
 * One pair for each translation unit. Of its variants each side takes the one in its language: by the whole tag first,
 * then one without a region, then one of another region; of several alike the first. Inline markup is taken out.
 * @throws Error naming the file, line and column where it is not well-formed.
 */
export async function* readTmx(file: Place, languages: Languages): AsyncGenerator<RawPair> {
  const ready: RawPair[] = [];
  const parser = new SaxesParser();
  let line = 0;
  let variants: Variant[] = [];
  let codeDepth = 0;
  let inSegment = false;
  parser.on("error", (error) => {
    throw error;
  });
  parser.on("opentag", ({ name, attributes }) => {
    if (name === "tu") {
      line = parser.line;
      variants = [];
    } else if (name === "tuv") {
      variants.push({ language: attributes["xml:lang"] ?? attributes.lang ?? "", text: "" });
    } else if (name === "seg") inSegment = true;
    else if (inSegment && CODE_ELEMENTS.has(name)) codeDepth += 1;
  });
  parser.on("text", (text) => {
    const variant = variants.at(-1);
    if (inSegment && codeDepth === 0 && variant) variant.text += text;
  });
  parser.on("cdata", (text) => {
    const variant = variants.at(-1);
    if (inSegment && codeDepth === 0 && variant) variant.text += text;
  });
  parser.on("closetag", ({ name }) => {
    if (name === "seg") inSegment = false;
    else if (inSegment && CODE_ELEMENTS.has(name)) codeDepth -= 1;
    else if (name === "tu") {
      const source = inLanguage(variants, languages.source);
      const target = inLanguage(variants, languages.target);
      // A unit that has neither side is still one that was read.
      ready.push({ line, source: source ?? "", target: source === undefined ? undefined : target });
      variants = [];
    }
  });
  try {
    for await (const text of decodedText(file)) {
      parser.write(text);
      yield* ready.splice(0);
    }
    parser.close();
  } catch (error) {
    throw error instanceof Error && error.message.startsWith("cannot read") ? error : cannotRead(file, error);
  }
  yield* ready;
}

function inLanguage(variants: readonly Variant[], wanted: string): string | undefined {
  const tag = wanted.toLowerCase();
  const [primary] = tag.split("-");
  let best: Variant | undefined;
  let bestRank = 3;
  for (const variant of variants) {
    const found = variant.language.toLowerCase().replaceAll("_", "-");
    const rank = found === tag ? 0 : found === primary ? 1 : found.split("-")[0] === primary ? 2 : 3;
    if (rank < bestRank) [best, bestRank] = [variant, rank];
  }
  return best?.text;
}
