// What was said and has no final yet: all that has to be said again where a server lost the session.
import { ClientError } from "./client-error.ts";
import type { ReviseMessage, SaidMessage, TextMessage } from "./messages.ts";

/** The beginning of a hypothesis. */
interface Stretch {
  /** Without white space. */
  text: string;
  words: number;
}

/** What lies between two commits. */
interface Utterance {
  /** Texts in their order, and how much of the first one has its final. */
  texts: TextMessage[];
  offset: number;
  /** The last hypothesis, where a recogniser speaks, as this session was told it. */
  hypothesis: ReviseMessage | undefined;
  /** What of it has its final, without white space, and in words. */
  settled: Stretch;
  /** What earlier sessions have finished of it: this one is not told that again. */
  gone: Stretch;
  committed: boolean;
}

/** White space as the server sees it. */
const SPACE = /[\p{White_Space}▁]/u;
const SPACES = /[\p{White_Space}▁]+/gu;

const squeeze = (text: string): string => text.replace(SPACES, "");
const wordCount = (text: string): number => text.split(SPACES).filter((word) => word !== "").length;

/** Characters that are not white space: what of a text comes back in the sources of finals. */
export function weightOf(text: string): number {
  return squeeze(text).length;
}

export class Ledger {
  #utterances: Utterance[] = [];
  /** What this utterance is said with: the two do not mix. */
  #kind: "text" | "revise" | undefined;

  /**
   * Whether this may be said now.
   * @throws ClientError `mixed` for text after a hypothesis, or the other way round, without `commit` between them
   */
  check(type: SaidMessage["type"]): void {
    if ((type !== "text" && type !== "revise") || this.#kind === undefined || this.#kind === type) return;
    throw new ClientError("mixed", `\`${this.#kind}\` and \`${type}\` do not mix: commit before the other one`);
  }

  /** What is said, as the session has to be told it: a hypothesis without what an earlier session has finished. */
  told(message: SaidMessage): SaidMessage {
    const last = this.#utterances.at(-1);
    if (message.type !== "revise" || last === undefined || last.committed) return message;
    return without(last.gone, message);
  }

  /** Takes down a message that is on its way; the same text again, where it has grown by then. */
  add(message: SaidMessage): void {
    if (message.type === "text") {
      this.#kind = "text";
      const { texts } = this.#open();
      if (texts.at(-1) !== message) texts.push(message);
    } else if (message.type === "revise") {
      this.#kind = "revise";
      this.#open().hypothesis = message;
    } else {
      this.#kind = undefined;
      const last = this.#utterances.at(-1);
      if (last !== undefined) last.committed = true;
      this.#dropSettled();
    }
  }

  get empty(): boolean {
    return this.#utterances.every((utterance) => remainderOf(utterance).trim() === "");
  }

  /** The server did not take this text: it will have no final. */
  refuse(message: TextMessage): void {
    for (const utterance of this.#utterances) {
      const index = utterance.texts.indexOf(message);
      if (index < 0) continue;
      utterance.texts.splice(index, 1);
      if (index === 0) utterance.offset = 0;
    }
    this.#dropSettled();
  }

  /**
   * Takes a finished segment off the front.
   * @param source its source as the server gives it; white space is not compared, since the server trims it
   * @returns the weight of the `text` messages that this was
   */
  settle(source: string): number {
    const text = squeeze(source);
    const [first, second] = this.#utterances;
    if (first === undefined) return 0;
    // A hypothesis that contradicted what was read is not what the finals say, nor as long. Where the next utterance fits, it is that.
    const fits = (one: Utterance) => squeeze(remainderOf(one)).startsWith(text);
    if (first.committed && second !== undefined && !fits(first) && fits(second)) this.#utterances.shift();
    const characters = settleIn(this.#utterances[0], text, wordCount(source));
    this.#dropSettled();
    return characters;
  }

  /** All of it again, for a session that knows nothing. */
  again(): SaidMessage[] {
    return this.#utterances.flatMap((utterance) => {
      // New messages: these are what is on its way now, what grows, and what may be refused.
      utterance.texts = utterance.texts.map((message, index) => ({
        ...message,
        text: index === 0 ? message.text.slice(utterance.offset) : message.text,
      }));
      utterance.offset = 0;
      const messages: SaidMessage[] = [...utterance.texts];
      const { hypothesis, settled, gone } = utterance;
      if (hypothesis !== undefined) {
        utterance.hypothesis = without(settled, hypothesis);
        utterance.gone = { text: gone.text + settled.text, words: gone.words + settled.words };
        utterance.settled = { text: "", words: 0 };
        messages.push(utterance.hypothesis);
      }
      if (utterance.committed) messages.push({ type: "commit" });
      return messages;
    });
  }

  #open(): Utterance {
    const last = this.#utterances.at(-1);
    if (last !== undefined && !last.committed) return last;
    const utterance: Utterance = {
      ...{ texts: [], offset: 0, hypothesis: undefined, committed: false },
      ...{ settled: { text: "", words: 0 }, gone: { text: "", words: 0 } },
    };
    this.#utterances.push(utterance);
    return utterance;
  }

  #dropSettled(): void {
    while (this.#utterances[0]?.committed && squeeze(remainderOf(this.#utterances[0])) === "") this.#utterances.shift();
  }
}

/** What of an utterance has no final. */
function remainderOf({ texts, offset, hypothesis, settled }: Utterance): string {
  if (hypothesis === undefined)
    return texts
      .map(({ text }) => text)
      .join("")
      .slice(offset);
  return squeeze(hypothesis.text).slice(settled.text.length);
}

/** @returns the weight of the texts that were settled */
function settleIn(utterance: Utterance, text: string, words: number): number {
  if (utterance.hypothesis !== undefined) {
    utterance.settled = { text: utterance.settled.text + text, words: utterance.settled.words + words };
    return 0;
  }
  let missing = text.length;
  while (utterance.texts.length > 0) {
    const { text: said } = utterance.texts[0];
    while (utterance.offset < said.length && (missing > 0 || SPACE.test(said[utterance.offset]))) {
      if (!SPACE.test(said[utterance.offset])) missing -= 1;
      utterance.offset += 1;
    }
    if (utterance.offset < said.length) break;
    utterance.texts.shift();
    utterance.offset = 0;
  }
  return text.length - missing;
}

/** A hypothesis without its beginning: to the character where it has the very same text, else by as many words. */
function without({ text, words }: Stretch, message: ReviseMessage): ReviseMessage {
  if (text === "") return message;
  const same = squeeze(message.text).startsWith(text);
  const end = same ? endOf(message.text, /\S/g, text.length) : endOf(message.text, /\S+/g, words);
  const { stable } = message;
  return {
    ...message,
    text: message.text.slice(end),
    ...(stable === undefined ? {} : { stable: Math.max(0, stable - end) }),
  };
}

/** Where the n-th match ends; the text's end where it has fewer. */
function endOf(text: string, pattern: RegExp, n: number): number {
  const found = [...text.matchAll(pattern)][n - 1];
  return found === undefined ? text.length : found.index + found[0].length;
}
