// Cuts the endless source text into segments, one character at a time, so that messages' borders never show.

import { endsClause, endsSentence, isWideEnd, staysAfterEnd } from "./sentence-end.ts";

/** What the segmenter writes to: the open segment. */
export interface SegmentSink {
  /**
   * A piece of the open segment's text: a run of letters and digits, one other character, or one space.
   * Opens a segment when none is. Returns the segment's tokens so far, of complete pieces.
   */
  append(piece: string): number;
  /** The open segment is complete. */
  close(): void;
}

/** White space as the tokenizer sees it. */
const SPACE = /^[\p{White_Space}▁]$/u;
const RUN = /^[\p{L}\p{M}\p{N}'’]$/u;
const LETTER_OR_DIGIT = /[\p{L}\p{N}]/u;

/** From this share of the capacity on, a segment ends at the next comma; from the second on, at the next word. */
const CLAUSE_SHARE = 0.5;
const WORD_SHARE = 0.7;
/** The space before a piece can be a token of its own: before two pieces held back, the run and the new character. */
const SPACE_TOKENS = 4;
/** The least that leaves room for a word. */
export const MIN_SOURCE_TOKENS = 16;

/**
 * Segments end at `commit`, at sentence punctuation that white space follows (abbreviations, initials and ordinals
 * aside), and at a length limit: at a comma first, at a word when it must, inside a word only when the word alone is
 * longer than a segment can be. White space between segments belongs to none; inside, a run of it is one space.
 */
export class Segmenter {
  readonly #language: string;
  readonly #sink: SegmentSink;
  readonly #capacity: number;

  /** Tokens of the open segment's complete pieces, and the most that each of the last two pieces can become. */
  #tokens = 0;
  #held: [number, number] = [0, 0];
  #open = false;
  /** Whether the open segment has more than punctuation, and whether it is still in its first word. */
  #hasContent = false;
  #firstWord = true;
  /** The white-space-delimited word so far; whether full-width punctuation has ended it; its run not yet appended. */
  #word = "";
  #wideEnd = false;
  #run = "";
  #runTokens = 0;
  #highSurrogate = "";

  /** @param options.maxSourceTokens positions a segment's text can have, EOS included: the least of the session's bundles */
  constructor(options: { language: string; maxSourceTokens: number; sink: SegmentSink }) {
    if (options.maxSourceTokens < MIN_SOURCE_TOKENS) {
      throw new RangeError(`maxSourceTokens must be at least ${MIN_SOURCE_TOKENS}, not ${options.maxSourceTokens}`);
    }
    this.#language = options.language;
    this.#sink = options.sink;
    this.#capacity = options.maxSourceTokens - 1;
  }

  /** Characters (UTF-16 units) taken and not yet appended to a segment. */
  get heldCharacters(): number {
    return this.#run.length + this.#highSurrogate.length;
  }

  push(text: string): void {
    const whole = this.#highSurrogate + text;
    const last = whole.charCodeAt(whole.length - 1);
    const splits = last >= 0xd800 && last <= 0xdbff;
    this.#highSurrogate = splits ? whole.slice(-1) : "";
    for (const character of splits ? whole.slice(0, -1) : whole) this.#take(wellFormed(character));
  }

  /** Ends the open segment; what was held back belongs to it. Does nothing when there is no open text. */
  commit(): void {
    if (this.#highSurrogate) this.#take(wellFormed(this.#highSurrogate));
    this.#highSurrogate = "";
    this.#appendRun();
    this.#close();
  }

  #take(character: string): void {
    if (SPACE.test(character)) this.#endWord();
    else this.#extendWord(character);
  }

  #extendWord(character: string): void {
    if (this.#wideEnd && !staysAfterEnd(character)) {
      this.#appendRun();
      this.#close();
    }
    const tokens = mostTokens(character);
    while (this.#bound + this.#runTokens + tokens > this.#capacity) this.#cutInWord();
    this.#word += character;
    this.#wideEnd ||= this.#hasContent && isWideEnd(character);
    this.#hasContent ||= LETTER_OR_DIGIT.test(character);
    if (RUN.test(character)) {
      this.#run += character;
      this.#runTokens += tokens;
    } else {
      this.#appendRun();
      this.#append(character, tokens);
    }
  }

  /** The most tokens that the open segment has once what was appended to it is complete. */
  get #bound(): number {
    return this.#tokens + this.#held[0] + this.#held[1] + SPACE_TOKENS;
  }

  /** Ends the open segment before the run; or, when the run is all there is, after it. */
  #cutInWord(): void {
    if (!this.#open) this.#appendRun();
    const run = this.#run;
    this.#close();
    this.#word = run;
    this.#hasContent = LETTER_OR_DIGIT.test(run);
  }

  #endWord(): void {
    if (!this.#word) return;
    this.#appendRun();
    const word = this.#word;
    const full = this.#bound >= this.#capacity * WORD_SHARE;
    const long = this.#bound >= this.#capacity * CLAUSE_SHARE;
    const sentence = this.#hasContent && (this.#wideEnd || endsSentence(word, this.#language, this.#firstWord));
    if (sentence || full || (long && endsClause(word))) {
      this.#close();
    } else {
      this.#word = "";
      this.#firstWord = false;
      this.#append(" ", 0);
    }
  }

  #appendRun(): void {
    if (!this.#run) return;
    const [run, tokens] = [this.#run, this.#runTokens];
    this.#run = "";
    this.#runTokens = 0;
    this.#append(run, tokens);
  }

  #append(piece: string, tokens: number): void {
    this.#open = true;
    if (tokens > 0) this.#held = [this.#held[1], tokens];
    this.#tokens = this.#sink.append(piece);
  }

  #close(): void {
    if (this.#open) this.#sink.close();
    this.#open = false;
    this.#tokens = 0;
    this.#held = [0, 0];
    this.#hasContent = false;
    this.#firstWord = true;
    this.#word = "";
    this.#wideEnd = false;
  }
}

/** A half of a surrogate pair alone is no character: it becomes U+FFFD, as in every decoder of UTF-16. */
function wellFormed(character: string): string {
  const code = character.charCodeAt(0);
  return character.length === 1 && code >= 0xd800 && code <= 0xdfff ? "\ufffd" : character;
}

/** The most tokens that a character can become: a piece has at least one, and NFC takes a few characters apart. */
function mostTokens(character: string): number {
  return character.normalize("NFC").length;
}
