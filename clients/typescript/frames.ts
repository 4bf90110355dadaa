// Messages on their way to the server: numbered, in their order, kept until the server has said that it took them.
import type { PingMessage, SaidMessage, TextMessage } from "./messages.ts";

export type Outgoing = SaidMessage | PingMessage;

interface Frame {
  seq: number;
  message: Outgoing;
}

/** Characters of one `text`, well under the server's 64 KB in any script. */
const TEXT_MAX_CHARACTERS = 2_000;

export class Frames {
  /** The oldest first. */
  #frames: Frame[] = [];
  /** So many of them went over the connection that is open now. */
  #sent = 0;
  #nextSeq = 1;
  #unsentCharacters = 0;

  /** Characters that have not been sent. */
  get unsentCharacters(): number {
    return this.#unsentCharacters;
  }

  /** Frames that were sent and not acknowledged. */
  get inFlight(): number {
    return this.#sent;
  }

  /**
   * Adds a message, and returns the one that will be sent. Text joins the text before it, and a hypothesis replaces the one
   * before it, where that has not been sent.
   */
  add(message: SaidMessage): SaidMessage {
    const last = this.#sent < this.#frames.length ? this.#frames[this.#frames.length - 1] : undefined;
    if (last?.message.type === "text" && message.type === "text" && joins(last.message, message)) {
      last.message.text += message.text;
      this.#unsentCharacters += message.text.length;
      return last.message;
    }
    if (last?.message.type === "revise" && message.type === "revise") {
      this.#unsentCharacters += message.text.length - last.message.text.length;
      last.message = message;
      return message;
    }
    this.push(message);
    return message;
  }

  /** Adds a message as it is. */
  push(message: Outgoing): void {
    this.#frames.push({ seq: this.#nextSeq, message });
    this.#nextSeq += 1;
    this.#unsentCharacters += charactersOf(message);
  }

  /** The next message to send; undefined where all were sent. */
  peek(): Outgoing | undefined {
    return this.#frames[this.#sent]?.message;
  }

  /** Marks the next message as sent, and gives its number. */
  take(): number {
    const { seq, message } = this.#frames[this.#sent];
    this.#sent += 1;
    this.#unsentCharacters -= charactersOf(message);
    return seq;
  }

  /** The message of this number that was sent and is not acknowledged. */
  sent(seq: number): Outgoing | undefined {
    return this.#frames.slice(0, this.#sent).find((frame) => frame.seq === seq)?.message;
  }

  /** The server took all messages up to this one. */
  received(seq: number): void {
    let count = 0;
    while (count < this.#frames.length && this.#frames[count].seq <= seq) count += 1;
    // After a rewind some of them may count as unsent.
    for (const { message } of this.#frames.slice(this.#sent, count)) this.#unsentCharacters -= charactersOf(message);
    this.#frames.splice(0, count);
    this.#sent = Math.max(0, this.#sent - count);
  }

  /** Nothing will be acknowledged: what was sent is forgotten. */
  forgetSent(): void {
    this.#frames.splice(0, this.#sent);
    this.#sent = 0;
  }

  /** What is not acknowledged has to be sent again, under the same numbers. Returns it. */
  rewind(): Outgoing[] {
    const again = this.#frames.slice(0, this.#sent).map(({ message }) => message);
    for (const message of again) this.#unsentCharacters += charactersOf(message);
    this.#sent = 0;
    return again;
  }

  /** Begins anew, with nothing on its way. */
  clear(): void {
    this.#frames = [];
    this.#sent = 0;
    this.#nextSeq = 1;
    this.#unsentCharacters = 0;
  }
}

/** Texts without a time of their own can be one message. */
function joins(one: TextMessage, other: TextMessage): boolean {
  const untimed = one.at === undefined && other.at === undefined;
  return untimed && one.text.length + other.text.length <= TEXT_MAX_CHARACTERS;
}

function charactersOf(message: Outgoing): number {
  return message.type === "text" || message.type === "revise" ? message.text.length : 0;
}

/** Text in parts that fit one message each; no surrogate pair is cut. */
export function partsOf(text: string): string[] {
  const parts: string[] = [];
  for (let start = 0; start < text.length; ) {
    let end = Math.min(text.length, start + TEXT_MAX_CHARACTERS);
    const last = text.charCodeAt(end - 1);
    if (end < text.length && last >= 0xd800 && last <= 0xdbff) end -= 1;
    parts.push(text.slice(start, end));
    start = end;
  }
  return parts;
}
