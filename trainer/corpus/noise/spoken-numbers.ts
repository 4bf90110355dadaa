// Whole numbers, decimals and years in words, as a recogniser that does not write digits has them.

type Speller = (value: number) => string[];

const list = (words: string) => words.split(" ");

const EN_SMALL = list(
  "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen",
);
const EN_TENS = list("- - twenty thirty forty fifty sixty seventy eighty ninety");

/** Below a million million, in words apart: "four hundred twenty five". */
const english: Speller = (value) => {
  if (value < 20) return [EN_SMALL[value]!];
  if (value < 100) return [EN_TENS[Math.floor(value / 10)]!, ...restOf(value % 10, english)];
  if (value < 1000) return [EN_SMALL[Math.floor(value / 100)]!, "hundred", ...restOf(value % 100, english)];
  const [size, name] = value < 1e6 ? [1e3, "thousand"] : value < 1e9 ? [1e6, "million"] : [1e9, "billion"];
  return [...english(Math.floor(value / size)), name, ...restOf(value % size, english)];
};

const DE_SMALL = list(
  "null eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn sechzehn siebzehn achtzehn neunzehn",
);
const DE_TENS = list("- - zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig");

const german: Speller = (value) => {
  if (value < 1e6) return [germanWord(value)];
  const [size, one, many] = value < 1e9 ? [1e6, "Million", "Millionen"] : [1e9, "Milliarde", "Milliarden"];
  const count = Math.floor(value / size);
  return [...(count === 1 ? ["eine", one] : [germanWord(count), many]), ...restOf(value % size, german)];
};

/** One word below a million; inside it, one is "ein". */
function germanWord(value: number): string {
  if (value < 20) return DE_SMALL[value]!;
  const one = (count: number) => (count === 1 ? "ein" : germanWord(count));
  if (value < 100) {
    const unit = value % 10;
    return `${unit === 0 ? "" : `${one(unit)}und`}${DE_TENS[Math.floor(value / 10)]}`;
  }
  const [size, name] = value < 1000 ? [100, "hundert"] : [1000, "tausend"];
  const rest = value % size;
  return `${one(Math.floor(value / size))}${name}${rest === 0 ? "" : germanWord(rest)}`;
}

const FR_SMALL = list(
  "zéro un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize dix-sept dix-huit dix-neuf",
);
const FR_TENS = list("- - vingt trente quarante cinquante soixante soixante quatre-vingt quatre-vingt");

const french: Speller = (value) => {
  if (value < 20) return [FR_SMALL[value]!];
  if (value < 100) {
    const ten = Math.floor(value / 10);
    const unit = value - (ten === 7 || ten === 9 ? ten - 1 : ten) * 10;
    if (unit === 0) return [ten === 8 ? "quatre-vingts" : FR_TENS[ten]!];
    const joined = (unit === 1 || unit === 11) && ten < 8;
    return joined ? [FR_TENS[ten]!, "et", FR_SMALL[unit]!] : [`${FR_TENS[ten]}-${FR_SMALL[unit]}`];
  }
  if (value < 1e6) {
    const [size, name] = value < 1000 ? [100, "cent"] : [1000, "mille"];
    const count = Math.floor(value / size);
    return [...(count === 1 ? [] : french(count)), name, ...restOf(value % size, french)];
  }
  const [size, name] = value < 1e9 ? [1e6, "million"] : [1e9, "milliard"];
  const count = Math.floor(value / size);
  return [...french(count), count === 1 ? name : `${name}s`, ...restOf(value % size, french)];
};

const restOf = (rest: number, speller: Speller): string[] => (rest === 0 ? [] : speller(rest));

interface NumberLanguage {
  readonly spell: Speller;
  /** Between thousands, and before decimals. */
  readonly group: string;
  readonly decimal: string;
  readonly point: string;
  readonly percent: string;
  readonly currencies: Readonly<Record<string, string>>;
}

const LANGUAGES: Readonly<Record<string, NumberLanguage>> = {
  en: {
    spell: english,
    group: ",",
    decimal: ".",
    point: "point",
    percent: "percent",
    currencies: { $: "dollars", "€": "euros", "£": "pounds" },
  },
  de: {
    spell: german,
    group: ".",
    decimal: ",",
    point: "Komma",
    percent: "Prozent",
    currencies: { $: "Dollar", "€": "Euro", "£": "Pfund" },
  },
  fr: {
    spell: french,
    group: " ",
    decimal: ",",
    point: "virgule",
    percent: "pour cent",
    currencies: { $: "dollars", "€": "euros", "£": "livres" },
  },
};

/** A currency sign, digits with groups and decimals, a percent sign or a currency sign. */
const NUMBER = /^([$€£]?)(\d{1,3}(?:[.,]\d{3})+|\d{1,12})(?:([.,])(\d{1,3}))?([%$€£]?)$/u;

/**
 * A number in words.
 *
 * @param language tag of the text's language; its first part counts
 * @param years whether 1100 to 1999 are said in hundreds, as English says years
 * @returns undefined for what is no plain number, and for languages whose numbers are not known here
 */
export function spokenNumber(text: string, language: string, years = false): string | undefined {
  const known = LANGUAGES[language.split("-")[0]!];
  const match = NUMBER.exec(text);
  if (!known || !match) return undefined;
  const [, before = "", whole = "", sign, decimals, after = ""] = match;
  if (/[.,]/.test(whole) && !whole.includes(known.group)) return undefined;
  if (sign !== undefined && sign !== known.decimal) return undefined;
  const digits = whole.replaceAll(/\D/g, "");
  if (digits.length > 1 && digits.startsWith("0")) return undefined;
  const value = Number(digits);
  const isYear = years && known.spell === english && decimals === undefined && /^1[1-9]\d\d$/.test(text);
  const words = isYear ? englishYear(value) : known.spell(value);
  const currency = known.currencies[before] ?? known.currencies[after];
  if (currency !== undefined && decimals?.length === 2) {
    words.push(currency, ...known.spell(Number(decimals))); // three dollars fifty
  } else {
    if (decimals !== undefined)
      words.push(known.point, ...[...decimals].flatMap((digit) => known.spell(Number(digit))));
    if (currency !== undefined) words.push(currency);
  }
  if (after === "%") words.push(known.percent);
  return words.join(" ");
}

/** "nineteen ninety five", "nineteen hundred", "nineteen oh five". */
function englishYear(value: number): string[] {
  const rest = value % 100;
  const century = english(Math.floor(value / 100));
  if (rest === 0) return [...century, "hundred"];
  return [...century, ...(rest < 10 ? ["oh"] : []), ...english(rest)];
}
