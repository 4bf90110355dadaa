// What a caption line is made of: words that no line end may cut, and whether a space stands before each.
import { displayColumns, graphemes } from "./display-columns.ts";

export interface CaptionWord {
  text: string;
  /** Its width, without the space before it. */
  columns: number;
  /** Whether white space stands before it: a line that it begins swallows that. */
  spaced: boolean;
}

/** White space at which a line may end, control characters among it: a no-break space (U+00A0, U+202F) is a word's own. */
const SPACE = /(?:[^\S\u00a0\u202f\ufeff]|\p{Cc})+/u;
/** Scripts that put no spaces between words: there a line may end after any word of a dictionary. */
const UNSPACED =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u;
/** Must not begin a line: closing marks, small kana, the prolonged sound mark, iteration marks. */
const NEVER_FIRST =
  /^[\p{Pe}\p{Pf}!),.:;?\]}¢%‰°、。，．・：；？！ー々ぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮ…‥～゛゜ヽヾゝゞ]/u;
/** Must not end a line: opening marks and currency signs. */
const NEVER_LAST = /[\p{Ps}\p{Pi}$£¥€([{]$/u;

const segmenters = new Map<string, Intl.Segmenter>();

function wordSegmenter(language: string): Intl.Segmenter {
  let segmenter = segmenters.get(language);
  if (segmenter === undefined) {
    segmenter = new Intl.Segmenter(language, { granularity: "word" });
    segmenters.set(language, segmenter);
  }
  return segmenter;
}

/** Whether the writing has words that no space sets apart. */
export function isUnspaced(text: string): boolean {
  return UNSPACED.test(text);
}

/**
 * A text's words, in order; together they are the text without its white space.
 *
 * @param language a BCP 47 tag: which dictionary finds words where no space does
 * @param columns a line's width: a word that is wider is cut between graphemes, since it fits on no line
 */
export function captionWords(text: string, language: string, columns: number): CaptionWord[] {
  const words: CaptionWord[] = [];
  for (const [index, run] of text.split(SPACE).entries()) {
    if (run === "") continue;
    const parts = isUnspaced(run) ? unspacedWords(run, language) : [run];
    let spaced = index > 0;
    for (const part of parts.flatMap((whole) => cutToFit(whole, columns))) {
      words.push({ text: part, columns: displayColumns(part), spaced });
      spaced = false;
    }
  }
  return words;
}

/** Columns of words set one after the other on a line. */
export function columnsOf(words: readonly CaptionWord[]): number {
  return words.reduce((sum, word, index) => sum + word.columns + (index > 0 && word.spaced ? 1 : 0), 0);
}

/** The words as one line of text. */
export function textOf(words: readonly CaptionWord[]): string {
  return words.map(({ text, spaced }, index) => (index > 0 && spaced ? ` ${text}` : text)).join("");
}

/** The dictionary's words, with marks kept beside what they belong to (kinsoku: JIS X 4051, CLREQ). */
function unspacedWords(run: string, language: string): string[] {
  const words: string[] = [];
  for (const { segment } of wordSegmenter(language).segment(run)) {
    const last = words.at(-1);
    const latinRun = last !== undefined && !isUnspaced(last + segment);
    if (last !== undefined && (latinRun || NEVER_FIRST.test(segment) || NEVER_LAST.test(last))) {
      words[words.length - 1] = last + segment;
    } else {
      words.push(segment);
    }
  }
  return words;
}

function cutToFit(word: string, columns: number): string[] {
  if (displayColumns(word) <= columns) return [word];
  const parts = [""];
  let used = 0;
  for (const grapheme of graphemes(word)) {
    const width = displayColumns(grapheme);
    if (used + width > columns) {
      parts.push("");
      used = 0;
    }
    parts[parts.length - 1] += grapheme;
    used += width;
  }
  return parts;
}
