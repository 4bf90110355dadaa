// Lines that read the right way wherever they are shown: each line by itself, in the direction of its caption.

const RIGHT_TO_LEFT_LANGUAGES = new Set("ar arc ckb dv fa he iw ks ku nqo ps sd syr ug ur yi".split(" "));
/** Letters of scripts written from right to left; all other letters are written from left to right. */
const RIGHT_TO_LEFT =
  /[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}\p{Script=Samaritan}\p{Script=Mandaic}\p{Script=Adlam}]/u;
const FIRST_LETTER = /[\p{L}\u200e\u200f\u061c]/u;
const RIGHT_TO_LEFT_MARK = "\u200f";
const LEFT_TO_RIGHT_MARK = "\u200e";

/** Marks that open a stretch of its own direction, and what closes each (UAX 9: embeddings, overrides, isolates). */
const CLOSED_BY: Readonly<Record<string, string>> = {
  "\u202a": "\u202c",
  "\u202b": "\u202c",
  "\u202d": "\u202c",
  "\u202e": "\u202c",
  "\u2066": "\u2069",
  "\u2067": "\u2069",
  "\u2068": "\u2069",
};
const OPENING_MARK = /[\u202a\u202b\u202d\u202e\u2066-\u2068]/;
/** All that this file may add to a line, none of it visible. */
export const DIRECTION_MARKS = /[\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/** Whether text of this language is written from right to left. */
export function isRightToLeft(language: string): boolean {
  return RIGHT_TO_LEFT_LANGUAGES.has(language.toLowerCase().split(/[-_]/)[0]);
}

/**
 * Sets the direction of each line of one caption. A player lays every line out by its first letter, so a line of Hebrew
 * or Arabic that begins with a Latin name (or the other way round) gets a mark in front; a stretch with its own direction
 * that a line's end cuts is closed there and opened again on the next line. Adds no visible character.
 */
export function directedLines(lines: readonly string[], language: string): string[] {
  const rightToLeft = isRightToLeft(language);
  let open: string[] = [];
  return lines.map((line) => {
    const opened = open.join("") + line;
    open = leftOpen(opened);
    const closers = open.map((mark) => CLOSED_BY[mark]).reverse();
    const text = opened + closers.join("");
    const [first] = FIRST_LETTER.exec(text) ?? [];
    if (rightToLeft) return first !== undefined && isRightToLeftLetter(first) ? text : RIGHT_TO_LEFT_MARK + text;
    return first !== undefined && isRightToLeftLetter(first) ? LEFT_TO_RIGHT_MARK + text : text;
  });
}

function isRightToLeftLetter(letter: string): boolean {
  return RIGHT_TO_LEFT.test(letter) || letter === RIGHT_TO_LEFT_MARK || letter === "\u061c";
}

/** The marks whose stretches are not closed where the text ends, the outermost first. */
function leftOpen(text: string): string[] {
  if (!OPENING_MARK.test(text)) return [];
  const open: string[] = [];
  for (const character of text) {
    if (character in CLOSED_BY) open.push(character);
    else if (open.length > 0 && CLOSED_BY[open[open.length - 1]] === character) open.pop();
  }
  return open;
}
