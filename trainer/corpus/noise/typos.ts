// Slips of the fingers: a swap, a letter too few or too many, the key beside.
import type { Random } from "../../random.ts";

const LAYOUTS: Readonly<Record<string, readonly string[]>> = {
  en: ["qwertyuiop", "asdfghjkl", "zxcvbnm"],
  de: ["qwertzuiopü", "asdfghjklöä", "yxcvbnm"],
  fr: ["azertyuiop", "qsdfghjklm", "wxcvbn"],
};

const LETTERS_ONLY = /^\p{L}+$/u;

/** Shorter words are seldom mistyped, and a letter less would be another word. */
const LEAST_LETTERS = 3;

/** The word with one slip; the same word where it is too short, or has more than letters. */
export function mistype(word: string, language: string, random: Random): string {
  const [, before = "", letters = "", after = ""] = /^(\P{L}*)(.*?)(\P{L}*)$/su.exec(word) ?? [];
  if (letters.length < LEAST_LETTERS || !LETTERS_ONLY.test(letters)) return word;
  const at = random.below(letters.length);
  const [head, letter, tail] = [letters.slice(0, at), letters[at]!, letters.slice(at + 1)];
  switch (random.below(4)) {
    case 0:
      return `${before}${tail === "" ? head + letter + letter : `${head}${tail[0]}${letter}${tail.slice(1)}`}${after}`;
    case 1:
      return `${before}${head}${tail}${after}`;
    case 2:
      return `${before}${head}${letter}${letter}${tail}${after}`;
    default:
      return `${before}${head}${keyBeside(letter, language, random)}${tail}${after}`;
  }
}

/** A neighbour in the same row or the next ones; the letter itself where the keyboard does not have it. */
function keyBeside(letter: string, language: string, random: Random): string {
  const rows = LAYOUTS[language.split("-")[0]!] ?? LAYOUTS.en!;
  const lower = letter.toLowerCase();
  const row = rows.findIndex((keys) => keys.includes(lower));
  if (row < 0) return letter;
  const column = rows[row]!.indexOf(lower);
  const near = [rows[row]![column - 1], rows[row]![column + 1], rows[row - 1]?.[column], rows[row + 1]?.[column]];
  const keys = near.filter((key) => key !== undefined);
  const key = keys[random.below(keys.length)] ?? letter;
  return letter === lower ? key : key.toUpperCase();
}
