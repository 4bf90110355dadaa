// Whether a target speaks to somebody formally or informally, by its words, where they leave no doubt.

export type Register = "formal" | "informal";

export interface RegisterOptions {
  /** Whether the text is known to speak to somebody: then "Sie" at the start is no "they". Default false. */
  readonly addressed?: boolean;
}

type Rule = (words: readonly string[], text: string, options: RegisterOptions) => Register | undefined;

const GERMAN_INFORMAL = /^(?:du|dich|dir|dein(?:e[mnrs]?)?|deinetwegen|euch|eu(?:er|re[mnrs]?))$/iu;
const GERMAN_ADDRESSED = /^(?:Sie|Ihnen|Ihre[mnrs]?)$/u;
const GERMAN_FORMAL = /^(?:Sie|Ihnen|Ihr(?:e[mnrs]?)?)$/u;
/** After these a capital says nothing: a sentence, a quotation or a line begins. */
const BEGINS_AFTER = /[.!?:;…"„“”‚‘’'«»()–—-]$/u;
const OPENS = /^["„“‚‘«»(–—-]/u;

const german: Rule = (words, _, { addressed = false }) => {
  const informal = words.some((word) => GERMAN_INFORMAL.test(stripped(word)));
  const begins = (at: number) => at === 0 || BEGINS_AFTER.test(words[at - 1]!) || OPENS.test(words[at]!);
  const formal = words.some((word, at) => {
    if (addressed && GERMAN_ADDRESSED.test(stripped(word))) return true;
    return !begins(at) && GERMAN_FORMAL.test(stripped(word));
  });
  return decided(formal, informal);
};

const FRENCH_INFORMAL =
  /(?<![\p{L}’'])(?:tu|te|toi|t['’]\p{L}+|tes|ta|(?<!(?:le|un|du|au) )ton|tien(?:ne)?s?)(?![\p{L}’'])|\p{L}-(?:tu|toi)(?!\p{L})/iu;
const FRENCH_FORMAL = /(?<![\p{L}’'])(?:vous|votre|vos|vôtres?)(?!\p{L})|\p{L}-vous(?!\p{L})/iu;

const french: Rule = (_, text) => decided(FRENCH_FORMAL.test(text), FRENCH_INFORMAL.test(text));

const RULES: Readonly<Record<string, Rule>> = { de: german, fr: french };

/** Languages whose forms of address are known. */
export const REGISTER_LANGUAGES: readonly string[] = Object.keys(RULES);

const ruleOf = (language: string): Rule | undefined => RULES[language.split("-")[0]!];

export const hasRegisters = (language: string): boolean => ruleOf(language) !== undefined;

/**
 * The register of a text; undefined where it has none, has both, or leaves it open: German "Sie" and "Ihr" count only
 * where a small letter was possible, so that they are neither "they" nor "her". French "vous" counts as formal.
 */
export function registerOf(text: string, language: string, options: RegisterOptions = {}): Register | undefined {
  const words = text.split(/\s+/u).filter((word) => word !== "");
  return ruleOf(language)?.(words, text, options);
}

function decided(formal: boolean, informal: boolean): Register | undefined {
  if (formal === informal) return undefined;
  return formal ? "formal" : "informal";
}

const stripped = (word: string): string => word.replace(/^[^\p{L}]+|[^\p{L}]+$/gu, "");
