// Token ids as the words that they are of, each with the marks around it told apart: what a placeholder may stand for.
import { SPACE_MARK } from "../../../models/pieces.ts";
import type { Tokenizer } from "../../../models/tokenizer.ts";
import { partsOf } from "../../../models/value-pattern.ts";
import { SPECIAL_TOKENS } from "../../../models/vocabulary.ts";

/** A word between white space. Token places are of the whole sequence. */
export interface TokenWord {
  /** With its marks. */
  readonly text: string;
  /** Without them; "" where there is nothing else, or where the vocabulary does not have all of it. */
  readonly inner: string;
  /** Tokens of `inner`: `from` up to, not with, `to`. */
  readonly from: number;
  readonly to: number;
}

/** The words of a sequence, in order. */
export function tokenWords(ids: ArrayLike<number>, tokenizer: Tokenizer): TokenWord[] {
  const words: TokenWord[] = [];
  for (let start = 0; start < ids.length; ) {
    let end = start + 1;
    while (end < ids.length && !tokenizer.pieceOf(ids[end]!).startsWith(SPACE_MARK)) end += 1;
    words.push(tokenWord(ids, start, end, tokenizer));
    start = end;
  }
  return words;
}

function tokenWord(ids: ArrayLike<number>, start: number, end: number, tokenizer: Tokenizer): TokenWord {
  const lengths: number[] = [];
  let text = "";
  let known = true;
  for (let at = start; at < end; at += 1) {
    if (ids[at]! < SPECIAL_TOKENS.length) known = false;
    const piece = tokenizer.textOf(ids[at]!).trimStart();
    lengths.push(piece.length);
    text += piece;
  }
  const nothing = { text, inner: "", from: start, to: start };
  if (!known) return nothing;
  const { before, value, after } = partsOf(text);
  const from = tokensOfLength(lengths, before.length);
  const left = tokensOfLength(lengths.toReversed(), after.length);
  if (value === "" || from === undefined || left === undefined) return nothing;
  return { text, inner: value, from: start + from, to: end - left };
}

/** How many tokens have this many characters together; undefined where one crosses the border. */
function tokensOfLength(lengths: readonly number[], length: number): number | undefined {
  let left = length;
  let count = 0;
  while (left > 0) left -= lengths[count++]!;
  // a token without text belongs to what comes after it
  return left === 0 ? count : undefined;
}
