// Tells two languages apart by the letters that stand together in them: for sides that were swapped or never translated.

const GRAM_CHARACTERS = 3;
/** Letters from which on a text can be judged. */
const MINIMUM_LETTERS = 20;
/** Natural logarithms of likelihood per gram by which the other language must be ahead. */
const MARGIN = 0.5;
/** Grams remembered for each language; the text that teaches it has fewer. */
const MAXIMUM_GRAMS = 200_000;
const notLetters = /[^\p{L}\p{M}]+/gu;

type Side = "source" | "target";

/**
 * Character trigrams of both languages (Cavnar & Trenkle 1994), weighed as naive Bayes does, learnt from the corpora
 * themselves: most of their pairs are right. It knows these two languages only: a third one passes.
 */
export class LanguageCheck {
  readonly #grams = { source: new Map<string, number>(), target: new Map<string, number>() };
  readonly #total = { source: 0, target: 0 };

  learn(side: Side, text: string): void {
    const grams = this.#grams[side];
    for (const gram of gramsOf(text)) {
      const count = grams.get(gram);
      if (count === undefined && grams.size >= MAXIMUM_GRAMS) continue;
      grams.set(gram, (count ?? 0) + 1);
      this.#total[side] += 1;
    }
  }

  /** True where a text is clearly in the other side's language. Short texts and names are never so. */
  isOther(side: Side, text: string): boolean {
    if (text.replace(notLetters, "").length < MINIMUM_LETTERS) return false;
    const other: Side = side === "source" ? "target" : "source";
    let ahead = 0;
    let count = 0;
    for (const gram of gramsOf(text)) {
      ahead += Math.log(this.#share(other, gram) / this.#share(side, gram));
      count += 1;
    }
    return ahead / count > MARGIN;
  }

  /** Half an occurrence is added to each gram, so that none is impossible. */
  #share(side: Side, gram: string): number {
    return ((this.#grams[side].get(gram) ?? 0) + 0.5) / (this.#total[side] + 1);
  }
}

function* gramsOf(text: string): Generator<string> {
  const letters = ` ${text.toLowerCase().replace(notLetters, " ").trim()} `;
  for (let at = 0; at + GRAM_CHARACTERS <= letters.length; at += 1) yield letters.slice(at, at + GRAM_CHARACTERS);
}
