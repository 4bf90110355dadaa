// Noise on one text: what recognisers, hesitating speakers and hasty typists do to a sentence.
import type { Random } from "../../random.ts";
import type { NoiseSettings } from "./noise-settings.ts";
import { spokenNumber } from "./spoken-numbers.ts";
import { mistype } from "./typos.ts";

const FILLERS: Readonly<Record<string, readonly string[]>> = {
  en: ["uh", "um", "er", "uhm", "hmm", "you know", "I mean"],
  de: ["äh", "ähm", "hm", "also", "na ja", "weißt du"],
  fr: ["euh", "heu", "hum", "ben", "enfin", "tu sais"],
};

/** Marks at a word's edges; inside a word they belong to it (3.5, don't, well-known). */
const MARKS_BEFORE = /^[("'„“”«‚‘¿¡[]+(?=.)/u;
const MARKS_AFTER = /[.,;:!?…)"“”»'’\]–—-]+$/u;
const END_MARK = /[.,;:!?…]+$/u;
const BREAK_MARKS = [".", ",", ";", "!", "?"];
const ONLY_MARKS = /^[\p{P}\p{S}]+$/u;

/** Share of `wrongPunctuation` at which a word without a mark gets one. */
const INSERTED_SHARE = 0.1;

/** Makes noisy versions of texts in one language. */
export class Noise {
  readonly #settings: NoiseSettings;
  readonly #language: string;
  readonly #fillers: readonly string[];

  /** @param language tag of the texts; fillers and numbers of en, de and fr are known, other languages go without */
  constructor(settings: NoiseSettings, language: string) {
    this.#settings = settings;
    this.#language = language;
    this.#fillers = FILLERS[language.split("-")[0]!] ?? [];
  }

  /** A noisy version; the same for the same random state. Never empty where the text is not. */
  apply(text: string, random: Random): string {
    const { lowerCase, noPunctuation } = this.#settings;
    const lower = random.uniform() < lowerCase;
    const bare = random.uniform() < noPunctuation;
    let words = text.split(/\s+/u).filter((word) => word !== "");
    words = this.#spellNumbers(words, random);
    words = words.map((word) =>
      random.uniform() < this.#settings.typos ? mistype(word, this.#language, random) : word,
    );
    words = this.#hesitate(words, random);
    const marked = bare ? withoutMarks(words) : this.#mistakeMarks(words, random);
    const noisy = (marked.length > 0 ? marked : words).join(" ");
    return lower ? noisy.toLowerCase() : noisy;
  }

  /** Two noisy texts as one, without the boundary between them. */
  join(first: string, second: string): string {
    return `${first.replace(MARKS_AFTER, "")} ${startInside(second)}`;
  }

  #spellNumbers(words: readonly string[], random: Random): string[] {
    return words.map((word) => {
      if (!/\d/.test(word) || random.uniform() >= this.#settings.spelledNumbers) return word;
      const before = MARKS_BEFORE.exec(word)?.[0] ?? "";
      const after = MARKS_AFTER.exec(word)?.[0] ?? "";
      const number = word.slice(before.length, word.length - after.length);
      const spoken = spokenNumber(number, this.#language, random.uniform() < 0.7);
      return spoken === undefined ? word : `${before}${spoken}${after}`;
    });
  }

  /** Fillers, repeated words, and a beginning said twice. */
  #hesitate(words: readonly string[], random: Random): string[] {
    const { fillers, repeats, falseStarts } = this.#settings;
    const said: string[] = [];
    if (random.uniform() < falseStarts && words.length > 2) said.push(...brokenStart(words, random));
    for (const word of words) {
      if (this.#fillers.length > 0 && random.uniform() < fillers) {
        const filler = this.#fillers[random.below(this.#fillers.length)]!;
        const commas = random.uniform() < 0.5;
        if (commas && said.length > 0 && !END_MARK.test(said.at(-1)!)) said[said.length - 1] += ",";
        said.push(commas ? `${filler},` : filler);
      }
      if (random.uniform() < repeats && !END_MARK.test(word)) said.push(word);
      said.push(word);
    }
    return said;
  }

  #mistakeMarks(words: readonly string[], random: Random): string[] {
    const { wrongPunctuation } = this.#settings;
    if (wrongPunctuation === 0) return [...words];
    return words.map((word, index) => {
      const end = END_MARK.exec(word);
      if (end === null) {
        const inserted = index < words.length - 1 && random.uniform() < wrongPunctuation * INSERTED_SHARE;
        return inserted ? word + (random.uniform() < 0.7 ? "," : ".") : word;
      }
      if (end.index === 0 || random.uniform() >= wrongPunctuation) return word;
      const stem = word.slice(0, end.index);
      return random.uniform() < 0.6 ? stem : stem + BREAK_MARKS[random.below(BREAK_MARKS.length)];
    });
  }
}

/** One to three words, the last one perhaps cut short. */
function brokenStart(words: readonly string[], random: Random): string[] {
  const start = words.slice(0, 1 + random.below(Math.min(3, words.length - 1)));
  const last = start.at(-1)!.replace(END_MARK, "");
  const cut = last.length > 3 && random.uniform() < 0.5 ? `${last.slice(0, 1 + random.below(last.length - 2))}-` : last;
  return [...start.slice(0, -1), cut === "" ? start.at(-1)! : cut];
}

function withoutMarks(words: readonly string[]): string[] {
  return words
    .filter((word) => !ONLY_MARKS.test(word) || /[%&+=$€£]/.test(word))
    .map((word) => word.replace(MARKS_BEFORE, "").replace(MARKS_AFTER, ""))
    .filter((word) => word !== "");
}

/** The first letter small, as inside a sentence; English "I" aside. */
function startInside(text: string): string {
  return /^I(?:['’ ]|$)/u.test(text) ? text : text.slice(0, 1).toLowerCase() + text.slice(1);
}
