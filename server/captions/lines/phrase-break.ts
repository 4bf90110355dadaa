// Where a reader would pause: what it costs to end a line between two words.
import type { CaptionWord } from "./caption-word.ts";

/** Costs of ending a line, least where a sentence ends, highest between words that are read as one. */
export const BREAK_COSTS = { sentence: 0, clause: 2, phrase: 5, word: 9, bound: 20, inWord: 60 } as const;

const CLOSERS = "\"'”’“‘»«›‹)\\]}」』）】";
const SENTENCE_END = new RegExp(`[.!?…。！？؟۔।][${CLOSERS}]*$`, "u");
const CLAUSE_END = new RegExp(`[,;:–—，；：、،؛][${CLOSERS}]*$`, "u");
const MARKS = /^[\p{P}\p{S}]+|[\p{P}\p{S}]+$/gu;
const NUMBER = /^[\d.,]+$/;

/** Words that lean on the next one: articles, possessives, prepositions, particles, titles. Lower case. */
const LEANING: Readonly<Record<string, ReadonlySet<string>>> = {
  en: wordSet(
    "a an the this that these those my your his her its our their no every each some any to of in on at by for with " +
      "from into onto over under about as than not very so too and or but if mr mrs ms dr prof is are was were be been " +
      "has have had do does did will would can could shall should may might must",
  ),
  de: wordSet(
    "der die das den dem des ein eine einen einem einer eines kein keine keinen keinem keiner mein meine meinen dein " +
      "deine sein seine seinen seinem seiner ihr ihre ihren ihrem ihrer unser unsere euer dieser diese dieses diesen " +
      "jeder jede jedes in im ins an am ans auf aus bei beim mit nach von vom vor zu zum zur für durch ohne gegen um " +
      "über unter zwischen wegen während bis seit als wie nicht sehr so und oder aber hr herr frau dr prof",
  ),
  fr: wordSet(
    "le la les un une des du de au aux ce cet cette ces mon ma mes ton ta tes son sa ses notre nos votre vos leur " +
      "leurs à dans en sur sous par pour avec sans chez vers entre et ou mais ne pas très plus que qui m mme dr",
  ),
  es: wordSet(
    "el la los las un una unos unas lo al del de a en con por para sin sobre entre hasta desde mi mis tu tus su sus " +
      "nuestro nuestra este esta estos estas ese esa no muy más y o pero que sr sra dr",
  ),
};

/** Words that open a phrase: a line may well begin with them. Lower case. */
const OPENING: Readonly<Record<string, ReadonlySet<string>>> = {
  en: wordSet(
    "and or but because although though while when where who which that if unless until since before after so than " +
      "with without for from to in on at by about into over under",
  ),
  de: wordSet(
    "und oder aber sondern denn weil obwohl dass daß wenn als während bevor nachdem damit ob wer wo der die das mit " +
      "ohne für von aus in im auf an am bei nach vor zu zum zur um über unter durch gegen",
  ),
  fr: wordSet(
    "et ou mais car donc parce que qui quand lorsque puisque si comme où avec sans pour dans sur sous par à de en",
  ),
  es: wordSet("y o pero porque aunque que quien cuando donde si como mientras con sin para por en sobre de a"),
};

function wordSet(words: string): ReadonlySet<string> {
  return new Set(words.split(" "));
}

/**
 * The cost of a line that ends with `before` and a next one that begins with `after`: from {@link BREAK_COSTS}.
 *
 * @param language the text's language tag; one without lists of its own is broken by its punctuation alone
 */
export function breakCost(before: CaptionWord, after: CaptionWord, language: string): number {
  if (SENTENCE_END.test(before.text) && !isTitle(before.text, language)) return BREAK_COSTS.sentence;
  if (CLAUSE_END.test(before.text)) return BREAK_COSTS.clause;
  if (!after.spaced && !isWordBorder(before.text, after.text)) return BREAK_COSTS.inWord;
  const base = language.toLowerCase().split(/[-_]/)[0];
  const left = bare(before.text);
  if (LEANING[base]?.has(left)) return BREAK_COSTS.bound;
  if (NUMBER.test(left) && !NUMBER.test(bare(after.text))) return BREAK_COSTS.bound;
  return OPENING[base]?.has(bare(after.text)) ? BREAK_COSTS.phrase : BREAK_COSTS.word;
}

/** Whether the word must not be the last of a line when there is another way. */
export function leansOnNext(word: CaptionWord, language: string): boolean {
  const base = language.toLowerCase().split(/[-_]/)[0];
  return LEANING[base]?.has(bare(word.text)) ?? false;
}

/** Whether a sentence or a clause ends with the word. */
export function endsPhrase(word: CaptionWord): boolean {
  return SENTENCE_END.test(word.text) || CLAUSE_END.test(word.text);
}

function isTitle(text: string, language: string): boolean {
  return text.endsWith(".") && (LEANING[language.toLowerCase().split(/[-_]/)[0]]?.has(bare(text)) ?? false);
}

/** Words of scripts without spaces stand side by side; two halves of one long word do as well, and are letters of one script. */
function isWordBorder(before: string, after: string): boolean {
  return /[\p{Lo}\p{P}]$/u.test(before) || /^[\p{Lo}\p{P}]/u.test(after);
}

function bare(text: string): string {
  return text.replace(MARKS, "").toLowerCase();
}
