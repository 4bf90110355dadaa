// What the load generator says and when: an open loop, every word of every stream at a time fixed beforehand.

export interface LoadPlanOptions {
  streams: number;
  wordsPerMinute: number;
  seconds: number;
  /** At least one; streams begin at different ones and go round. */
  sentences: readonly string[];
}

export interface PlannedWord {
  stream: number;
  /** Which word of its stream, from 0. */
  word: number;
  /** Milliseconds from the start. */
  dueMs: number;
  /** The word with the space after it, which completes it. */
  text: string;
  endsSentence: boolean;
}

/** Sentences apart at which neighbouring streams begin: coprime to most lengths, so that they do not say the same. */
const START_STRIDE = 7;

/**
 * All streams speak at the same steady rate, each beginning a little after the one before, so that the words of all
 * are evenly spread: the words, in the order in which they are due, are numbered 0 to `words - 1`.
 */
export class LoadPlan {
  readonly streams: number;
  /** Milliseconds between two words of one stream. */
  readonly intervalMs: number;
  readonly wordsPerStream: number;
  readonly #text: { text: string; endsSentence: boolean }[] = [];
  readonly #sentenceStarts: number[] = [];

  /** @throws RangeError when a figure is not above zero or no sentence has a word */
  constructor(options: LoadPlanOptions) {
    for (const name of ["streams", "wordsPerMinute", "seconds"] as const) {
      if (!(options[name] > 0)) throw new RangeError(`${name} must be above zero, not ${options[name]}`);
    }
    this.streams = options.streams;
    this.intervalMs = 60_000 / options.wordsPerMinute;
    this.wordsPerStream = Math.max(1, Math.floor((options.seconds * 1000) / this.intervalMs));
    for (const sentence of options.sentences) {
      const words = sentence.split(/\s+/u).filter((word) => word !== "");
      if (words.length === 0) continue;
      this.#sentenceStarts.push(this.#text.length);
      for (const [index, word] of words.entries()) {
        this.#text.push({ text: `${word} `, endsSentence: index === words.length - 1 });
      }
    }
    if (this.#text.length === 0) throw new RangeError("the load generator has no text to say");
  }

  get words(): number {
    return this.streams * this.wordsPerStream;
  }

  /** When a word of a stream is due, in milliseconds from the start. */
  dueMs(stream: number, word: number): number {
    return (word + stream / this.streams) * this.intervalMs;
  }

  /** The word that is due `number`th of all. */
  at(number: number): PlannedWord {
    const stream = number % this.streams;
    const word = Math.floor(number / this.streams);
    const start = this.#sentenceStarts[(stream * START_STRIDE) % this.#sentenceStarts.length];
    const { text, endsSentence } = this.#text[(start + word) % this.#text.length];
    return { stream, word, dueMs: this.dueMs(stream, word), text, endsSentence };
  }
}
