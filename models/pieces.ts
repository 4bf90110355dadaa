// Text to pieces: the cuts that no token crosses, the same whether the text comes whole or bit by bit.

/** Stands for the space before a piece (U+2581). In input it counts as white space. */
export const SPACE_MARK = "▁";

/** A word is cut after this many letters, so that what is held back is bounded. */
export const MAX_PIECE_LETTERS = 64;

/** Marks beyond this many in a row are dropped: Unicode's stream-safe limit (UAX 15, section 13). */
export const MAX_MARKS_IN_A_ROW = 30;

/**
 * A piece: a word of letters with inner apostrophes, one digit, or one other sign, each with the space before it; the
 * pattern of tokenizer.json's pre_tokenizer.
 */
export const SPLIT_PATTERN = "▁?[\\p{L}\\p{M}](?:['’]?[\\p{L}\\p{M}]){0,63}|▁?\\p{N}|▁?[^▁\\p{L}\\p{M}\\p{N}]|▁";

const PIECES = new RegExp(SPLIT_PATTERN, "gu");
const MARK = /\p{M}/u;
const LETTER_OR_MARK = /[\p{L}\p{M}]/u;
const LONE_SURROGATES = /\p{Surrogate}/gu;
const EXCESS_MARKS = new RegExp(`(?<=\\p{M}{${MAX_MARKS_IN_A_ROW}})\\p{M}+`, "gu");
const WHITE_SPACE_RUNS = /[\p{White_Space}▁]+/gu;

/** The only marks that join with a sign before them (`=` + U+0338 is `≠`); letters aside. A test goes through Unicode. */
const SIGN_JOINING_MARKS = ["\u0300", "\u0301", "\u0342", "\u0338"];

/**
 * NFC, white space runs as one `▁`, none at the end, one before the text. Lone surrogates become U+FFFD. Text of white
 * space alone is "".
 */
export function normalizeText(text: string): string {
  const repaired = text.replace(LONE_SURROGATES, "\uFFFD").replace(EXCESS_MARKS, "");
  const normalized = normalizeOpen(SPACE_MARK + repaired);
  return normalized.endsWith(SPACE_MARK) ? normalized.slice(0, -1) : normalized;
}

/** The text's pieces, in order; together they are the normalised text. */
export function splitPieces(text: string): string[] {
  return normalizeText(text).match(PIECES) ?? [];
}

/**
 * The same pieces from text that comes bit by bit, each as soon as nothing that may follow can change it: a word at the
 * next character that cannot extend it, a digit or a sign at once (where a mark could join with it: at the next character).
 */
export class PieceSplitter {
  /** Normalised text not yet released. NFC(NFC(a) + b) = NFC(a + b), so it may be normalised again with what follows. */
  #open = SPACE_MARK;
  #highSurrogate = "";
  #marksInARow = 0;

  /** The character after the pieces given so far, `▁` for white space; undefined where nothing is known to follow. */
  get following(): string | undefined {
    const [character] = this.#open;
    return character;
  }

  /** Takes the next text, in any cut (also between the halves of a surrogate pair), and gives the pieces now complete. */
  push(text: string): string[] {
    this.#open = normalizeOpen(this.#open + this.#repair(text));
    return this.#release();
  }

  /** Gives what is left, and starts a new text. */
  flush(): string[] {
    const rest = this.#open + (this.#highSurrogate === "" ? "" : "\uFFFD");
    const pieces = rest.match(PIECES) ?? [];
    if (pieces.at(-1) === SPACE_MARK) pieces.pop();
    this.#open = SPACE_MARK;
    this.#highSurrogate = "";
    this.#marksInARow = 0;
    return pieces;
  }

  #release(): string[] {
    const open = this.#open;
    const settled = lastNonMark(open);
    const pieces: string[] = [];
    let released = 0;
    for (const match of open.matchAll(PIECES)) {
      const end = match.index + match[0].length;
      if (!isComplete(open, match[0], end, settled)) break;
      pieces.push(match[0]);
      released = end;
    }
    this.#open = open.slice(released);
    return pieces;
  }

  /** Joins surrogate pairs over the cut, replaces lone halves, drops marks beyond the limit. */
  #repair(text: string): string {
    let joined = this.#highSurrogate + text;
    this.#highSurrogate = /[\uD800-\uDBFF]$/.exec(joined)?.[0] ?? "";
    if (this.#highSurrogate !== "") joined = joined.slice(0, -1);
    joined = joined.replace(LONE_SURROGATES, "\uFFFD");
    if (joined === "") return "";
    if (!MARK.test(joined)) {
      this.#marksInARow = 0;
      return joined;
    }
    let kept = "";
    for (const character of joined) {
      this.#marksInARow = MARK.test(character) ? this.#marksInARow + 1 : 0;
      if (this.#marksInARow <= MAX_MARKS_IN_A_ROW) kept += character;
    }
    return kept;
  }
}

function normalizeOpen(text: string): string {
  return text.normalize("NFC").replace(WHITE_SPACE_RUNS, SPACE_MARK);
}

/**
 * Where the last character that is not a mark begins. NFC neither joins nor reorders across it once it stands in NFC text,
 * so everything before it stays as it is whatever follows.
 */
function lastNonMark(text: string): number {
  let start = text.length;
  while (start > 0) {
    start -= text.charCodeAt(start - 1) >= 0xdc00 && text.charCodeAt(start - 1) <= 0xdfff ? 2 : 1;
    if (!MARK.test(String.fromCodePoint(text.codePointAt(start)!))) return start;
  }
  return 0;
}

/** Whether the piece that ends at `end` stays as it is whatever follows `open`. */
function isComplete(open: string, piece: string, end: number, settled: number): boolean {
  if (piece === SPACE_MARK) return false;
  const isWord = LETTER_OR_MARK.test(piece);
  if (end <= settled) {
    // An apostrophe at the very end may turn out to be inside the word.
    const next = open[end];
    return !(isWord && end === open.length - 1 && (next === "'" || next === "’"));
  }
  return !isWord && !SIGN_JOINING_MARKS.some((mark) => (piece + mark).normalize("NFC") !== piece + mark);
}
