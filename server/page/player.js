// Plays a talk as a speaker would say it: one word after the other, at so many words a minute.

/** @typedef {"stopped" | "playing" | "paused"} PlayerState */

/** What a word weighs in time: long words take longer, and there is a breath after a comma, a sentence, a paragraph. */
const WORD_WEIGHT = 0.5;
const LETTER_WEIGHT = 0.1;
const COMMA_WEIGHT = 0.4;
const SENTENCE_WEIGHT = 0.9;

/** How often to look whether words can be said again while the connection is away. */
const HELD_MS = 150;

export class Player {
  /** @type {PlayerState} */
  state = "stopped";
  wordsPerMinute = 150;
  #stage;
  /** @type {{ text: string, weight: number, endsParagraph: boolean }[]} */
  #words = [];
  #next = 0;
  #meanWeight = 1;
  #timer = 0;
  /** When the next word is due, on performance.now()'s clock, so that late timers do not slow the talk down. */
  #dueMs = 0;

  /**
   * @param {{ say: (text: string) => void, commit: () => void, ready: () => boolean, changed: () => void }} stage
   *   where the words go; `ready`: whether somebody listens; `changed`: the state or the place in the talk has changed
   */
  constructor(stage) {
    this.#stage = stage;
  }

  get said() {
    return this.#next;
  }

  get total() {
    return this.#words.length;
  }

  /** @param {import("./talks.js").Talk} talk */
  play(talk) {
    this.#words = talk.paragraphs.flatMap(wordsOf);
    this.#meanWeight = this.#words.reduce((sum, word) => sum + word.weight, 0) / this.#words.length;
    this.#next = 0;
    this.resume();
  }

  resume() {
    this.#dueMs = performance.now();
    this.#become("playing");
    this.#tick();
  }

  pause() {
    clearTimeout(this.#timer);
    this.#become("paused");
  }

  stop() {
    clearTimeout(this.#timer);
    if (this.state === "stopped") return;
    this.#stage.commit();
    this.#become("stopped");
  }

  #tick() {
    const now = performance.now();
    if (!this.#stage.ready()) {
      this.#dueMs = now + HELD_MS;
    }
    while (this.#dueMs <= now && this.#next < this.#words.length) this.#sayNext();
    if (this.#next >= this.#words.length) return this.#become("stopped");
    this.#timer = setTimeout(() => this.#tick(), this.#dueMs - now);
  }

  #sayNext() {
    const word = this.#words[this.#next];
    this.#next += 1;
    this.#dueMs += (word.weight / this.#meanWeight) * (60_000 / this.wordsPerMinute);
    this.#stage.say(`${word.text} `);
    if (word.endsParagraph) this.#stage.commit();
    this.#stage.changed();
  }

  /** @param {PlayerState} state */
  #become(state) {
    this.state = state;
    this.#stage.changed();
  }
}

/** @param {string} paragraph */
function wordsOf(paragraph) {
  const words = paragraph.split(" ");
  return words.map((text, index) => ({ text, weight: weightOf(text), endsParagraph: index === words.length - 1 }));
}

/** @param {string} word */
function weightOf(word) {
  const pause = /[.!?]$/u.test(word) ? SENTENCE_WEIGHT : /[,;:]$/u.test(word) ? COMMA_WEIGHT : 0;
  return WORD_WEIGHT + LETTER_WEIGHT * word.length + pause;
}
