// One segment's source text to units, with the values in it as units of their own: what placeholders stand for.
import type { Glossary } from "./glossary.ts";
import { numberIn } from "./number-format.ts";
import { PieceSplitter, SPACE_MARK } from "./pieces.ts";
import type { SourceWord } from "./source-word.ts";
import type { Tokenizer } from "./tokenizer.ts";
import { beginsSentence, isNumbering, mayBecomeValue, partsOf, type ValueKind, valueKind } from "./value-pattern.ts";

/** What is carried over from language to language. */
export interface Carrying {
  readonly source: string;
  readonly target: string;
  readonly kinds: ReadonlySet<ValueKind>;
  /** Capitalised words that look like unknown names and are translated. */
  readonly translated?: ReadonlySet<string>;
  readonly glossary?: Glossary;
}

/** A word is given up as a value, so that what is held back is bounded. */
const MAX_HELD_TOKENS = 60;

/** A word between white space, or as much of it as can be a value or a glossary's word. */
interface Held {
  readonly pieces: readonly SourceWord[];
  /** Marks before, the word, marks after: how many pieces each has. */
  readonly before: number;
  readonly after: number;
  readonly word: string;
  /** The value as the target language has it. */
  readonly value?: string;
  /** Whether white space follows, so that a term may go on. */
  readonly ends: boolean;
}

/**
 * Text in, units out, as `SourceStream` does, with values as one unit. The same text gives the same units however it
 * was cut. A word waits while what follows it without white space may make it a value, and while a term may go on.
 */
export class ValueReader {
  readonly #tokenizer: Tokenizer;
  readonly #carrying: Carrying;
  readonly #splitter = new PieceSplitter();
  /** The word under way, while it may be a value; whether the rest of it is plain; its text so far. */
  #held: SourceWord[] = [];
  #plain = false;
  #text = "";
  /** The word before, marks included; "" at the segment's start. */
  #wordBefore = "";
  /** Words that may be the beginning of a term. */
  #terms: Held[] = [];
  #out: SourceWord[] = [];

  constructor(tokenizer: Tokenizer, carrying: Carrying) {
    this.#tokenizer = tokenizer;
    this.#carrying = carrying;
  }

  /** The most tokens that what is held back can become. */
  get heldTokens(): number {
    return tokensIn(this.#held) + this.#terms.reduce((sum, { pieces }) => sum + tokensIn(pieces), 0);
  }

  /** Takes the next text and gives the units now complete. */
  push(text: string): SourceWord[] {
    const pieces = this.#splitter.push(text);
    for (const [index, piece] of pieces.entries()) this.#take(piece, pieces[index + 1] ?? this.#splitter.following);
    // Nothing came out, but now it is known what follows.
    if (pieces.length === 0 && this.#held.length > 0) this.#decide(this.#splitter.following);
    return this.#give();
  }

  /** The segment has ended: gives what was held back, and starts a new segment. */
  flush(): SourceWord[] {
    const pieces = this.#splitter.flush();
    for (const [index, piece] of pieces.entries()) this.#take(piece, pieces[index + 1] ?? SPACE_MARK);
    if (this.#held.length > 0) this.#decide(SPACE_MARK);
    this.#match(true);
    this.#plain = false;
    this.#text = "";
    this.#wordBefore = "";
    return this.#give();
  }

  #give(): SourceWord[] {
    const units = this.#out;
    this.#out = [];
    return units;
  }

  #take(piece: string, following: string | undefined): void {
    const startsWord = piece.startsWith(SPACE_MARK);
    const text = startsWord ? piece.slice(1) : piece;
    const unit = { text, ids: this.#tokenizer.encodePiece(piece), startsWord };
    if (this.#held.length > 0) this.#decide(piece);
    if (startsWord) {
      this.#wordBefore = this.#text;
      this.#text = "";
      this.#plain = false;
    }
    if (this.#plain) {
      this.#text += text;
      this.#pass(unit);
      return;
    }
    this.#text += text;
    this.#held.push(unit);
    if (tokensIn(this.#held) > MAX_HELD_TOKENS) this.#close(false);
    else this.#decide(following);
  }

  /** Closes the word under way where it is complete, or can be no value whatever follows. */
  #decide(following: string | undefined): void {
    const [next = ""] = following ?? "";
    if (next === SPACE_MARK) this.#close(true);
    else if (!mayBecomeValue(this.#text + next)) this.#close(true, false);
  }

  /** @param whole whether what is held can be a value @param ends whether white space follows it */
  #close(whole: boolean, ends = whole): void {
    const pieces = this.#held;
    this.#held = [];
    this.#plain = !ends;
    const word = whole ? this.#wordOf(pieces, ends) : undefined;
    if (word === undefined) {
      for (const piece of pieces) this.#pass(piece);
      return;
    }
    this.#terms.push(word);
    this.#match(false);
  }

  #wordOf(pieces: readonly SourceWord[], ends: boolean): Held | undefined {
    const text = pieces.map((piece) => piece.text).join("");
    const { before, value: word, after } = partsOf(text);
    if (word === "") return undefined;
    const first = piecesOfLength(pieces, before.length);
    const last = piecesOfLength(pieces.toReversed(), after.length);
    if (first === undefined || last === undefined) return undefined;
    return { pieces, before: first, after: last, word, value: this.#valueOf(word), ends };
  }

  #valueOf(word: string): string | undefined {
    const { kinds, translated, source, target } = this.#carrying;
    const kind = valueKind(word, (text) => this.#tokenizer.encode(text).length);
    if (kind === undefined || !kinds.has(kind)) return undefined;
    if (kind === "name") {
      return beginsSentence(this.#wordBefore) || translated?.has(word) ? undefined : word;
    }
    if (kind !== "number" || isNumbering(this.#wordBefore)) return word;
    return numberIn(word, source, target);
  }

  /** A unit that is no word of a term ends the terms under way. */
  #pass(unit: SourceWord): void {
    this.#match(true);
    this.#out.push(unit);
  }

  /** Gives the words of which no term can come any more; all of them at a border that no term crosses. */
  #match(border: boolean): void {
    while (this.#terms.length > 0) {
      const { target, count, open } = this.#longest();
      if (open && !border) return;
      const words = this.#terms.splice(0, Math.max(1, count));
      if (target === undefined) this.#emit(words[0]!, words[0]!.value);
      else this.#emitTerm(words, target);
    }
  }

  /** The longest term that the first words are, and whether a longer one may still come. */
  #longest(): { target?: string; count: number; open: boolean } {
    const { glossary } = this.#carrying;
    let found: { target?: string; count: number } = { count: 0 };
    if (!glossary || glossary.size === 0) return { ...found, open: false };
    for (let count = 1; count <= this.#terms.length; count++) {
      const words = this.#terms.slice(0, count);
      const inner = words.slice(1).every(({ before }) => before === 0) && words.slice(0, -1).every(isOpenEnded);
      if (!inner) break;
      const { target, continues } = glossary.match(words.map(({ word }) => word));
      if (target !== undefined) found = { target, count };
      if (!continues) break;
      if (count === this.#terms.length && isOpenEnded(words[count - 1]!)) return { ...found, open: true };
    }
    return { ...found, open: false };
  }

  #emit({ pieces, before, after, word }: Held, value: string | undefined): void {
    if (value === undefined) {
      this.#out.push(...pieces);
      return;
    }
    const inner = pieces.slice(before, pieces.length - after);
    this.#out.push(...pieces.slice(0, before));
    this.#out.push({ text: word, ids: inner.flatMap(({ ids }) => ids), startsWord: inner[0]!.startsWord, value });
    this.#out.push(...pieces.slice(pieces.length - after));
  }

  /** A term of several words counts as that many: the first ones as units without tokens. */
  #emitTerm(words: readonly Held[], target: string): void {
    const [first, last] = [words[0]!, words.at(-1)!];
    const pieces = words.flatMap((held) => held.pieces);
    const inner = pieces.slice(first.before, pieces.length - last.after);
    this.#out.push(...first.pieces.slice(0, first.before));
    for (let count = 1; count < words.length; count++) this.#out.push({ text: "", ids: [], startsWord: true });
    const text = words.map(({ word }) => word).join(" ");
    const startsWord = words.length > 1 || inner[0]!.startsWord;
    this.#out.push({ text, ids: inner.flatMap(({ ids }) => ids), startsWord, value: target });
    this.#out.push(...last.pieces.slice(last.pieces.length - last.after));
  }
}

const isOpenEnded = ({ after, ends }: Held): boolean => after === 0 && ends;

const tokensIn = (units: readonly SourceWord[]): number => units.reduce((sum, { ids }) => sum + ids.length, 0);

/** How many of the pieces have this many characters together; undefined where a piece crosses the border. */
function piecesOfLength(pieces: readonly SourceWord[], length: number): number | undefined {
  let left = length;
  let count = 0;
  while (left > 0) left -= pieces[count++]!.text.length;
  return left === 0 ? count : undefined;
}
