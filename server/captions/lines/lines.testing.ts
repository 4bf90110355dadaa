// Texts for the tests of line making: words of many scripts and lengths, as no corpus has them.
import fc from "fast-check";

const LETTERS = [
  ..."abcdefghijklmnopqrstuvwxyzäöüßéABC0123456789",
  ...["e\u0301", "👩‍🚀", "🇩🇪", "ﬁ", "י", "ש", "ם", "م", "ر", "ح", "日", "本", "語", "か", "ョ", "ー", "ไ", "ท", "한"],
  ...["\u00a0", "\u200f", "\u2067", "\u2069", "(", "「", "」", "。"],
];
const word = fc.oneof(
  { weight: 8, arbitrary: fc.string({ unit: fc.constantFrom(...LETTERS), minLength: 1, maxLength: 9 }) },
  { weight: 1, arbitrary: fc.string({ unit: fc.constantFrom(...LETTERS), minLength: 30, maxLength: 90 }) },
  {
    weight: 3,
    arbitrary: fc.constantFrom("the", "der", "und", "and", "with", "Haus", "3", "now.", "so,", "«oui»", "-"),
  },
  { weight: 1, arbitrary: fc.string({ unit: "grapheme", minLength: 1, maxLength: 12 }) },
);

/** Any text that a session may write, white space and control characters too. */
export const anyText = fc
  .array(fc.tuple(word, fc.constantFrom(" ", " ", " ", "  ", "\n", "", "\t")), { maxLength: 30 })
  .map((parts) => parts.flat().join(""));

/** What of a text must not be lost: all that is neither white space nor a control character. */
export function withoutSpaces(text: string): string {
  return text.replace(/[\s\p{Cc}]+/gu, "");
}
