// The source text that is not settled yet: what of it was sent, and when. All of it can be sent again after a lost connection.
import { countWords, endOfWord } from "./words.js";

/** Characters of one `text` message; well under the server's 64 KiB in any script. */
const FRAME_MAX_CHARACTERS = 2_000;

/** Sent characters that may be unsettled before the page holds more back, so that a long paste is paced by its translation. */
const UNSETTLED_MAX_CHARACTERS = 6_000;

/** @typedef {{ type: "text", text: string } | { type: "commit" }} Outgoing */

export class Ledger {
  /** Everything said since the last settled segment. */
  text = "";
  /** Offset in `text` up to which it was sent. */
  #sent = 0;
  /** @type {{ end: number, at: number }[]} one for each message sent: its end in `text`, and when it went */
  #frames = [];
  /** @type {{ offset: number, at: number | undefined }[]} commits, in order; `at` once sent */
  #commits = [];

  /** @param {string} text */
  append(text) {
    this.text += text;
  }

  /** Ends the segment here; nothing happens where none is open. */
  commit() {
    const from = this.#commits.at(-1)?.offset ?? 0;
    if (this.text.slice(from).trim() !== "") this.#commits.push({ offset: this.text.length, at: undefined });
  }

  /**
   * The next message to send, marked as sent at `now`; undefined where there is none to send for now.
   * @param {number} now milliseconds
   * @returns {Outgoing | undefined}
   */
  next(now) {
    const commit = this.#commits.find((one) => one.at === undefined);
    if (commit !== undefined && commit.offset <= this.#sent) {
      commit.at = now;
      return { type: "commit" };
    }
    const end = Math.min(commit?.offset ?? this.text.length, this.#sent + FRAME_MAX_CHARACTERS);
    if (end <= this.#sent || this.#sent >= UNSETTLED_MAX_CHARACTERS) return undefined;
    const text = this.text.slice(this.#sent, end);
    this.#sent = end;
    this.#frames.push({ end, at: now });
    return { type: "text", text };
  }

  /** The connection that all of this went over is gone: it has to be sent again. */
  forgetSending() {
    this.#sent = 0;
    this.#frames = [];
    for (const commit of this.#commits) commit.at = undefined;
  }

  /** The server has said that it is done: what was sent is over, only the rest stays. */
  dropSent() {
    this.#cut(this.#sent);
  }

  clear() {
    this.text = "";
    this.#commits = [];
    this.forgetSending();
  }

  /**
   * Takes a finished segment off the front. White space is not compared, because the server trims it.
   * @param {string} source the segment's source text as the server gives it
   */
  settle(source) {
    let missing = source.replace(/\s+/gu, "").length;
    let end = 0;
    while (end < this.#sent && (missing > 0 || /\s/u.test(this.text[end]))) {
      if (!/\s/u.test(this.text[end])) missing -= 1;
      end += 1;
    }
    this.#cut(end);
  }

  /** Words sent and not settled. */
  get wordsSent() {
    return countWords(this.text.slice(0, this.#sent));
  }

  /**
   * When the message left that let the server write a delta: the one with the last word it read, or a later one (white
   * space, a commit) where the server's own figure says that this is what it had waited for.
   * @param {number} read words of the open segment that were read
   * @param {number} arrived when the delta came, milliseconds
   * @param {number | undefined} serverMs the server's own latency
   * @returns {number | undefined}
   */
  allowedAt(read, arrived, serverMs) {
    const end = Math.min(endOfWord(this.text, read), this.#sent);
    const word = this.#frames.find((frame) => frame.end >= end);
    if (word === undefined || serverMs === undefined) return word?.at;
    const times = [...this.#frames.map((frame) => frame.at), ...this.#commits.map((commit) => commit.at ?? 0)];
    return Math.max(word.at, ...times.filter((at) => at <= arrived - serverMs));
  }

  /** @param {number} end */
  #cut(end) {
    this.text = this.text.slice(end);
    this.#sent = Math.max(0, this.#sent - end);
    this.#frames = this.#frames.map(({ end: old, at }) => ({ end: old - end, at })).filter((frame) => frame.end > 0);
    this.#commits = this.#commits
      .filter((commit) => commit.offset > end)
      .map(({ offset, at }) => ({ offset: offset - end, at }));
  }
}
