// What a training pair must be: one named rule for each reason to leave one out.
import { z } from "zod";
import { SPECIAL_TOKENS } from "../../models/vocabulary.ts";

const share = z.number().min(0).max(1);

export const cleaningSchema = z.strictObject({
  /** Words (between white space) a side. */
  maximumWords: z.int().positive().default(100),
  /** UTF-16 units a side. */
  maximumCharacters: z.int().positive().default(800),
  /** Characters in one word: longer ones are addresses, paths and joined-up tables. */
  maximumWordCharacters: z.int().positive().default(60),
  /** Longer side over shorter side in characters, after adding `lengthRatioSlack` to both so that short pairs may differ. */
  maximumLengthRatio: z.number().gt(1).default(2.5),
  lengthRatioSlack: z.int().nonnegative().default(10),
  /** A source equal to its target is left out above this many words: names and numbers may stay the same. */
  maximumIdenticalWords: z.int().nonnegative().default(3),
  /** Leaves out pairs a side of which is nothing but web or mail addresses. */
  dropAddresses: z.boolean().optional(),
  /** Letters among the visible characters of each side. */
  minimumLetterShare: share.optional(),
  /** Letters of the language's own script among each side's letters. */
  minimumScriptShare: share.optional(),
  /** Leaves out pairs a side of which is clearly in the other side's language. */
  checkLanguage: z.boolean().optional(),
  /** Leaves out pairs whose sides do not have the same digits, order and separators aside. */
  sameDigits: z.boolean().optional(),
  /** Leaves out pairs only one side of which ends in a full stop or the like, in a question mark, or in a colon. */
  sameEndMark: z.boolean().optional(),
});

export type CleaningConfig = z.infer<typeof cleaningSchema>;

/** Those that a recipe must ask for: `strict-rules.ts`. */
export const STRICT_RULES = [
  "address-only",
  "few-letters",
  "wrong-script",
  "wrong-language",
  "digits",
  "end-mark",
] as const;

export type StrictRule = (typeof STRICT_RULES)[number];

export const CLEANING_RULES = [
  "columns",
  "unpaired",
  "empty",
  "control-characters",
  "special-token",
  "too-many-words",
  "too-many-characters",
  "word-too-long",
  "length-ratio",
  "identical",
  ...STRICT_RULES,
] as const;

export type CleaningRule = (typeof CLEANING_RULES)[number];

export interface Pair {
  source: string;
  target: string;
}

// Control, private use, lone surrogates, the replacement character: signs of a broken file, never of a sentence.
const brokenCharacter = /[\p{Cc}\p{Co}\p{Cs}\uFFFD]/u;
const whiteSpace = /\p{White_Space}+/gu;
const specialToken = new RegExp(SPECIAL_TOKENS.join("|"), "u");

/** NFC, white space runs as one space, trimmed. */
export function normalizeSentence(text: string): string {
  return text.normalize("NFC").replace(whiteSpace, " ").trim();
}

export function countWords(sentence: string): number {
  let words = sentence === "" ? 0 : 1;
  for (let at = sentence.indexOf(" "); at >= 0; at = sentence.indexOf(" ", at + 1)) words += 1;
  return words;
}

/** A pair normalised, or the name of the first rule that it breaks; `StrictRules` has those that are asked for. */
export function cleanPair(raw: Pair, config: CleaningConfig): Pair | CleaningRule {
  const source = normalizeSentence(raw.source);
  const target = normalizeSentence(raw.target);
  if (source === "" || target === "") return "empty";
  if (brokenCharacter.test(source) || brokenCharacter.test(target)) return "control-characters";
  if (specialToken.test(source) || specialToken.test(target)) return "special-token";
  const words = Math.max(countWords(source), countWords(target));
  if (words > config.maximumWords) return "too-many-words";
  const longer = Math.max(source.length, target.length);
  if (longer > config.maximumCharacters) return "too-many-characters";
  if (longestWord(source) > config.maximumWordCharacters || longestWord(target) > config.maximumWordCharacters) {
    return "word-too-long";
  }
  const shorter = Math.min(source.length, target.length);
  if ((longer + config.lengthRatioSlack) / (shorter + config.lengthRatioSlack) > config.maximumLengthRatio) {
    return "length-ratio";
  }
  if (source === target && words > config.maximumIdenticalWords) return "identical";
  return { source, target };
}

function longestWord(sentence: string): number {
  let longest = 0;
  let start = 0;
  while (start < sentence.length) {
    const space = sentence.indexOf(" ", start);
    const end = space < 0 ? sentence.length : space;
    longest = Math.max(longest, end - start);
    start = end + 1;
  }
  return longest;
}
