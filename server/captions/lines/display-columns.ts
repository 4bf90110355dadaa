// How wide a text is on a caption grid: what a reader sees as one character takes one column, an East Asian one two.
import { eastAsianWidth } from "get-east-asian-width";

const segmenter = new Intl.Segmenter("und", { granularity: "grapheme" });
/** Marks, joiners, variation selectors and marks of direction: drawn on a neighbour or not at all. */
const NO_WIDTH = /^[\p{M}\p{Cf}\p{Cc}]$/u;
/** Drawn as a picture, which is two columns wide, whatever the width of the sign that it is made from. */
const PICTURE = /\p{Emoji_Presentation}|\p{Emoji}\ufe0f/u;
/** Latin letters, marks made with them in one character, and a text's quotes and dashes: each takes one column. */
const PLAIN = /^[\x20-\x7e\u00a1-\u00ac\u00ae-\u024f\u2013\u2014\u2018-\u201e\u2026]*$/;

/** A text's graphemes (UAX 29): what a reader takes for one character. */
export function graphemes(text: string): string[] {
  return Array.from(segmenter.segment(text), ({ segment }) => segment);
}

/** Columns of a line. Full-width and wide characters (UAX 11) and pictures take two, marks none. */
export function displayColumns(text: string): number {
  if (PLAIN.test(text)) return text.length;
  return graphemes(text).reduce((sum, grapheme) => sum + graphemeColumns(grapheme), 0);
}

/** The widest of a grapheme's characters: a letter with its marks takes what the letter takes. */
function graphemeColumns(grapheme: string): number {
  if (PICTURE.test(grapheme)) return 2;
  return Math.max(
    ...Array.from(grapheme, (character) =>
      NO_WIDTH.test(character) ? 0 : eastAsianWidth(character.codePointAt(0) ?? 0),
    ),
  );
}
