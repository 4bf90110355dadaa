// What in a text is carried over rather than translated: numbers, codes, addresses and names, by their spelling.

export const VALUE_KINDS = ["number", "code", "address", "name"] as const;
export type ValueKind = (typeof VALUE_KINDS)[number];

/** Marks around a word that are not the value's: brackets, quotes, currencies before; also full stops and percent after. */
const BEFORE = /^[([{<"'„“”‚‘«‹*$€£¥#+]+/u;
const AFTER = /[)\]}>"'“”’»›*.,;:!?…%$€£¥]+$/u;

/** Two digits or more: a single one is a word of the sentence (1 apple, 2 apples). */
const NUMBER = /^\d(?:[.,:/-]?\d)+$/;
const CODE = /^(?=[^\s]*\d)(?=[^\s]*[A-Za-z])[A-Za-z\d]+(?:[-_/.][A-Za-z\d]+)*$/;
/** 12th, 5kg, 80s: words, not codes. */
const WORDLIKE = /^\d+\p{Ll}+$/u;
const EMAIL = /^[\w.+-]+@[\w-]+(?:\.[\w-]+)+$/;
const URL_WITH_SCHEME = /^(?:[a-z]+:\/\/|www\.)\S+$/;
/** Last labels of hosts and endings of files; others may be two sentences without the space between them. */
const ENDINGS =
  "com|org|net|edu|gov|info|io|dev|app|eu|de|fr|uk|us|ch|at|it|es|nl|be|pl|ru|jp|cn|example|test|local|txt|pdf|md|csv|tsv|" +
  "json|xml|ya?ml|html?|css|js|ts|py|sh|exe|zip|tar|gz|jpe?g|png|gif|svg|mp[34]|wav|docx?|xlsx?|odt|ods|conf|ini|log";
const DOMAIN = new RegExp(`^[A-Za-z\\d_-]{2,}(?:\\.[A-Za-z\\d_-]{2,})*\\.(?:${ENDINGS})(?:/\\S*)?$`);
const HOST_AND_PATH = /^[A-Za-z\d_-]{2,}(?:\.[A-Za-z\d_-]{2,})+\/\S+$/;
const NAME = /^\p{Lu}\p{Ll}+(?:[-’']?\p{Lu}\p{Ll}+)*$/u;

/** A name is left to the model where its vocabulary writes it in fewer tokens: it knows that name. */
const NAME_TOKENS = 4;
const NAME_LETTERS = 4;

/** A word between white space, taken apart. `value` is empty where there are only marks. */
export interface WordParts {
  before: string;
  value: string;
  after: string;
}

/** A word without the marks around it, and those. */
export function partsOf(word: string): WordParts {
  const before = BEFORE.exec(word)?.[0] ?? "";
  const rest = word.slice(before.length);
  const after = AFTER.exec(rest)?.[0] ?? "";
  return { before, value: rest.slice(0, rest.length - after.length), after };
}

/**
 * What kind of value a word is, its outer marks taken off; undefined for a word to translate. A name at the beginning of
 * a sentence may be any word: `namesStart` is for the caller.
 *
 * @param tokens how many tokens the vocabulary needs for a text
 */
export function valueKind(value: string, tokens: (text: string) => number): ValueKind | undefined {
  if (NUMBER.test(value)) return "number";
  if (EMAIL.test(value) || URL_WITH_SCHEME.test(value) || DOMAIN.test(value) || HOST_AND_PATH.test(value))
    return "address";
  if (CODE.test(value) && !WORDLIKE.test(value)) return "code";
  if (value.length < NAME_LETTERS || !NAME.test(value)) return undefined;
  return Math.min(tokens(value), tokens(value.toLowerCase())) >= NAME_TOKENS ? "name" : undefined;
}

/** A run of letters and digits, then whatever follows a sign that can stand inside a value or a term; a comma only after a digit. */
const GROWING = /^[\p{L}\p{M}\p{N}_]*(?:(?<=[\p{L}\p{M}\p{N}_])(?:[-.:/@+&#]|(?<=\p{N}),).*)?$/u;

/**
 * Whether a word that begins like this may become a value, or another value, by what follows without white space. Once it
 * may not, it never will. A plain word before white space, a comma or the like need not wait.
 */
export function mayBecomeValue(beginning: string): boolean {
  return GROWING.test(beginning.replace(BEFORE, ""));
}

/** Titles and initials, after which a name is no beginning of a sentence. */
const ABBREVIATED = /^(?:\p{Lu}|Mr|Mrs|Ms|Dr|Prof|St|Sr|Jr|Mme|Mlle|Hr|Fr|No|Nr)\.$/u;

/**
 * Whether a word is where a capital says nothing: at the start, or after a word that ends a sentence.
 * @param wordBefore with its marks; "" at the start
 */
export function beginsSentence(wordBefore: string): boolean {
  return wordBefore === "" || (/[.!?:…]["'”“’»)\]]*$/u.test(wordBefore) && !ABBREVIATED.test(wordBefore));
}

/** Words before a number that is a version or a section, which no language rewrites. */
const NUMBERED = /^(?:version|release|chapter|section|figure|table|kapitel|abschnitt|abbildung|chapitre|v)$/iu;

export const isNumbering = (wordBefore: string): boolean => NUMBERED.test(wordBefore);
