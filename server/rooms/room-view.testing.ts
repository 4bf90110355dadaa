// A viewer's end of a room, for tests: keeps the protocol of docs/protocol.md and notices whatever breaks it.
import { type RoomMessage, roomMessageSchema } from "../protocol/room-messages.ts";

export class RoomView {
  /** Whole segments, in the order in which they ended. */
  readonly lines: string[] = [];
  readonly segments: number[] = [];
  readonly sources: string[] = [];
  readonly open = new Map<number, string>();
  readonly troubles: string[] = [];
  live = false;
  targets: string[] = [];
  epoch = "";
  /** The number that the history ends with, and the last that came. */
  #history = 0;
  #seq = 0;

  /** Where to go on, as `after` says it. */
  get place(): string {
    return `${this.epoch}.${this.#seq}`;
  }

  /** All that can be read. */
  get text(): string {
    return [...this.lines, ...this.open.values()].join("|");
  }

  receive(frame: string): void {
    this.take(roomMessageSchema.parse(JSON.parse(frame)));
  }

  take(message: RoomMessage): void {
    if (message.type === "room") {
      this.open.clear();
      [this.epoch, this.live, this.targets] = [message.epoch, message.live, message.targets];
      [this.#history, this.#seq] = [message.seq, message.seq];
      return;
    }
    if (message.seq > this.#history) {
      if (message.seq !== this.#seq + 1) this.troubles.push(`${message.seq} after ${this.#seq}`);
      this.#seq = message.seq;
    }
    const { segment, text } = message;
    if (message.type === "final") {
      const begun = this.open.get(segment);
      if (begun !== undefined && !text.startsWith(begun)) this.troubles.push(`segment ${segment} went back`);
      if (this.segments.includes(segment)) this.troubles.push(`segment ${segment} came twice`);
      this.open.delete(segment);
      this.lines.push(text);
      this.segments.push(segment);
      this.sources.push(message.source);
    } else {
      this.open.set(segment, message.type === "open" ? text : (this.open.get(segment) ?? "") + text);
    }
  }
}
