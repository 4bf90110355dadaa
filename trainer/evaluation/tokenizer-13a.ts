// The tokenizer of mteval-v13a as sacreBLEU has it, the default of corpus BLEU; for scoring only.
import { splitAtSpace } from "./white-space.ts";

const RULES: readonly [RegExp, string][] = [
  // ASCII punctuation other than ' , - .
  [/([{-~[-` -&(-+:-@/])/gu, " $1 "],
  // full stop and comma, unless a digit precedes
  [/([^0-9])([.,])/gu, "$1 $2 "],
  // full stop and comma, unless a digit follows
  [/([.,])([^0-9])/gu, " $1 $2"],
  // a hyphen after a digit
  [/([0-9])(-)/gu, "$1 $2 "],
];

/**
 * Splits `line` into the words BLEU counts.
 *
 * Same as sacreBLEU's `Tokenizer13a` (Post 2018, "A Call for Clarity in Reporting BLEU Scores"), which follows NIST's
 * `mteval-v13a.pl`.
 */
export function tokenize13a(line: string): string[] {
  let text = line.replaceAll("<skipped>", "").replaceAll("-\n", "").replaceAll("\n", " ");
  if (text.includes("&")) {
    text = text.replaceAll("&quot;", '"').replaceAll("&amp;", "&").replaceAll("&lt;", "<").replaceAll("&gt;", ">");
  }
  text = ` ${text} `;
  for (const [pattern, replacement] of RULES) text = text.replace(pattern, replacement);
  return splitAtSpace(text);
}
