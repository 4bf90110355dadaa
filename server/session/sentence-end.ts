// Whether a white-space-delimited word ends a sentence or a clause: terminators, closing quotes, and abbreviations.

/** What may stand between a sentence's punctuation and its end. German closes with the marks that English opens with. */
const CLOSERS = "\"'”’“‘»«›‹)\\]}」』）】］｝》〉";
const OPENERS = /^["'“”„‚‘’«»‹›([{¡¿「『（]+/u;
const SENTENCE_END = new RegExp(`^(.*?)([.!?…。！？．｡]+)[${CLOSERS}]*$`, "su");
const CLAUSE_END = new RegExp(`[,;:，；：、–—][${CLOSERS}]*$`, "u");

/** Abbreviations that more often stand inside a sentence than at its end; lower case, without the last full stop. */
const ABBREVIATIONS: Readonly<Record<string, ReadonlySet<string>>> = {
  en: new Set(
    (
      "mr mrs ms dr prof rev hon gen col lt sgt capt cmdr gov sen rep pres st mt ft jr sr messrs mmes " +
      "vs etc al cf ca approx dept est fig figs vol vols nos pp eds inc ltd corp co bros " +
      "jan feb aug sept oct nov dec ave blvd"
    ).split(" "),
  ),
  de: new Set(
    (
      "hr hrn fr frl dr prof dipl ing med phil jur st str nr tel fa abs abb anm aufl bd bde hrsg jh jhd " +
      "bzw ca usw usf evtl ggf inkl exkl zzgl max vgl sog bspw bzgl allg ggü gem insb mind mio mrd tsd vs etc " +
      "feb febr aug sept okt nov dez geb gest verh"
    ).split(" "),
  ),
};
/** First names among them, when capitalised. */
const NAMES: ReadonlySet<string> = new Set(["Al", "Max"]);

const DOTTED = /^(?:\p{L}{1,3}\.)+\p{L}{1,3}$/u; // e.g, U.S, z.B, i.d.R, Ph.D
const SINGLE_LETTER = /^\p{L}\p{M}*$/u;
const ORDINAL = /^(?:\d{1,2}|[IVX]+)$/u; // German "3. Mai", "Ludwig XIV. war"
const LIST_MARKER = /^\d{1,3}$/u; // "1. First"

/**
 * Whether `word`, which white space follows, ends its sentence.
 *
 * @param word the word with all punctuation around it, without white space
 * @param language the source's language tag; a language without a list of abbreviations borrows English's
 * @param first whether it is the first word of its segment: a number there is a list's marker
 */
export function endsSentence(word: string, language: string, first: boolean): boolean {
  const match = SENTENCE_END.exec(word);
  if (!match) return false;
  const [, body, punctuation] = match;
  if (punctuation !== ".") return true;
  const stem = body.replace(OPENERS, "");
  const base = language.toLowerCase().split(/[-_]/)[0];
  if (first && LIST_MARKER.test(stem)) return false;
  if (base === "de" && ORDINAL.test(stem)) return false;
  if (SINGLE_LETTER.test(stem)) return base === "en" && stem === "I";
  if (DOTTED.test(stem)) return false;
  return NAMES.has(stem) || !(ABBREVIATIONS[base] ?? ABBREVIATIONS.en).has(stem.toLowerCase());
}

/** Whether `word` ends a clause: where a segment that has grown long is best cut. */
export function endsClause(word: string): boolean {
  return CLAUSE_END.test(word);
}

/** Full-width marks end a sentence without white space, because the scripts that use them write none. */
const WIDE_END = /^[。！？｡]$/u;
const AFTER_END = new RegExp(`^[.!?…。！？．｡${CLOSERS}]$`, "u");

/** Whether a character ends a sentence by itself, whatever follows the marks and closing quotes after it. */
export function isWideEnd(character: string): boolean {
  return WIDE_END.test(character);
}

/** Whether a character after a sentence's last mark still belongs to the sentence. */
export function staysAfterEnd(character: string): boolean {
  return AFTER_END.test(character);
}
