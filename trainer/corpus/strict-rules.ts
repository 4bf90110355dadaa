// The cleaning rules that a recipe must ask for: what a pair looks like when it is a bad translation.
import type { CleaningConfig, Pair, StrictRule } from "./cleaning.ts";
import type { Languages } from "./formats/pair-files.ts";
import type { LanguageCheck } from "./language-check.ts";

const address = /^(?:[a-z][a-z0-9+.-]*:\/\/\S+|www\.\S+|\S+@\S+\.\S+)$/i;
const letters = /\p{L}/gu;
const visible = /\P{White_Space}/gu;
const digits = /\p{Nd}/gu;
/** Closing marks after the last sentence mark do not count. */
const endMark = /([.。।…]+|[!！]+|[?？؟]+|[:：;；])?["'”’»“‘«)\]\s]*$/u;

/** The rules that `config` asks for, for one pair of languages. */
export class StrictRules {
  readonly #config: CleaningConfig;
  readonly #scripts: { source: RegExp; target: RegExp };
  readonly #check: LanguageCheck | undefined;

  /** @param check needed where the configuration asks for `checkLanguage`. */
  constructor(config: CleaningConfig, languages: Languages, check?: LanguageCheck) {
    this.#config = config;
    this.#scripts = { source: scriptOf(languages.source), target: scriptOf(languages.target) };
    this.#check = config.checkLanguage ? check : undefined;
  }

  /** The first rule that the normalised pair breaks. */
  broken({ source, target }: Pair): StrictRule | undefined {
    const { dropAddresses, minimumLetterShare, minimumScriptShare, sameDigits, sameEndMark } = this.#config;
    if (dropAddresses && (isAddresses(source) || isAddresses(target))) return "address-only";
    if (minimumLetterShare !== undefined) {
      const share = (text: string) => matches(text, letters) / Math.max(1, matches(text, visible));
      if (share(source) < minimumLetterShare || share(target) < minimumLetterShare) return "few-letters";
    }
    if (minimumScriptShare !== undefined) {
      const share = (text: string, script: RegExp) => {
        const all = matches(text, letters);
        return all === 0 ? 1 : matches(text, script) / all;
      };
      if (share(source, this.#scripts.source) < minimumScriptShare) return "wrong-script";
      if (share(target, this.#scripts.target) < minimumScriptShare) return "wrong-script";
    }
    if (this.#check?.isOther("source", source) || this.#check?.isOther("target", target)) return "wrong-language";
    if (sameDigits && digitsOf(source) !== digitsOf(target)) return "digits";
    if (sameEndMark && markOf(source) !== markOf(target)) return "end-mark";
    return undefined;
  }
}

function isAddresses(text: string): boolean {
  return text.split(" ").every((word) => address.test(word));
}

function matches(text: string, pattern: RegExp): number {
  return text.match(pattern)?.length ?? 0;
}

/** The digits in order of size: separators and the order of day and month differ between languages. */
function digitsOf(text: string): string {
  return (text.match(digits) ?? []).map(digitValue).sort().join("");
}

const isDigit = /\p{Nd}/u;

/** 0 to 9, in whatever numerals: Unicode has each set of ten together, in order. */
function digitValue(digit: string): number {
  const code = digit.codePointAt(0)!;
  let first = code;
  while (isDigit.test(String.fromCodePoint(first - 1))) first -= 1;
  return (code - first) % 10;
}

type Mark = "stop" | "question" | "colon" | "none";

/** Full stops and exclamation marks are one kind: languages differ in that. */
function markOf(text: string): Mark {
  const [, mark = ""] = endMark.exec(text) ?? [];
  if (mark === "") return "none";
  if (/[?？؟]/u.test(mark)) return "question";
  return /[:：;；]/u.test(mark) ? "colon" : "stop";
}

/** Letters of the scripts that a language is written in (Unicode's likely subtags). */
function scriptOf(language: string): RegExp {
  const script = new Intl.Locale(language).maximize().script ?? "Latn";
  const names = { Jpan: ["Han", "Hira", "Kana"], Kore: ["Hang", "Han"], Hans: ["Han"], Hant: ["Han"] }[script] ?? [
    script,
  ];
  return new RegExp(`(?=\\p{L})[${names.map((name) => `\\p{Script=${name}}`).join("")}]`, "gu");
}
