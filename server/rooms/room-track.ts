// One language of a room: the lines that are kept, the segments that are open, and the numbers of both. Pure.
import { ROOM_HISTORY_BYTES } from "../protocol/limits.ts";
import type { RoomDelta, RoomFinal, RoomLineMessage, RoomOpen } from "../protocol/room-messages.ts";
import type { DeltaMessage, FinalMessage } from "../protocol/server-messages.ts";

/** What of a session's messages a room shows. */
export type SpokenMessage =
  | Pick<DeltaMessage, "type" | "segment" | "target" | "text">
  | Pick<FinalMessage, "type" | "segment" | "target" | "text" | "source">;

/** What another server of the room needs to go on with it. */
export interface TrackHistory {
  target: string;
  seq: number;
  /** The number of the next segment. */
  next: number;
  messages: (RoomFinal | RoomOpen)[];
}

export class RoomTrack {
  readonly target: string;
  readonly #keptLines: number;
  #seq = 0;
  #next = 0;
  /** Finals, the oldest first. */
  #lines: RoomFinal[] = [];
  /** Open segments by their number in the room. */
  readonly #open = new Map<number, RoomOpen>();
  /** The room's numbers of the session's open segments. */
  readonly #numbers = new Map<number, number>();

  constructor(target: string, keptLines: number) {
    this.target = target;
    this.#keptLines = keptLines;
  }

  /** The number of the last message. */
  get seq(): number {
    return this.#seq;
  }

  /** A session's message with the room's numbers, to be published. @param at milliseconds of Unix time */
  take(message: SpokenMessage, at: number): RoomDelta | RoomFinal {
    const { target } = this;
    const number = this.#numbers.get(message.segment) ?? this.#next;
    const place = { segment: number, target, seq: this.#seq + 1 };
    let told: RoomDelta | RoomFinal;
    if (message.type === "delta") {
      this.#numbers.set(message.segment, number);
      told = { type: "delta", ...place, text: message.text, at };
    } else {
      this.#numbers.delete(message.segment);
      const start = this.#open.get(number)?.start ?? at;
      told = { type: "final", ...place, text: message.text, source: message.source, start, end: at };
    }
    this.apply(told);
    return told;
  }

  /** Another session speaks: what the last one left open is said again. */
  withdraw(): void {
    this.#numbers.clear();
    this.#open.clear();
  }

  /** Takes over what a message says. Of those of another server, which come in the order of their `seq`. */
  apply(message: RoomLineMessage): void {
    const { segment, target, seq } = message;
    this.#seq = Math.max(this.#seq, seq);
    this.#next = Math.max(this.#next, segment + 1);
    switch (message.type) {
      case "delta": {
        const { text, start } = this.#open.get(segment) ?? { text: "", start: message.at };
        this.#open.set(segment, { type: "open", segment, target, seq, text: text + message.text, start });
        break;
      }
      case "open":
        this.#open.set(segment, message);
        break;
      case "final":
        this.#open.delete(segment);
        this.#lines.push(message);
        if (this.#lines.length > this.#keptLines) this.#lines.shift();
        break;
    }
  }

  /**
   * What a viewer is sent that has everything up to `after`, or nothing: the lines that are kept, the newest where they are
   * too many bytes, and the open segments as they are.
   */
  since(after = 0): (RoomFinal | RoomOpen)[] {
    const lines: RoomFinal[] = [];
    let bytes = 0;
    for (const line of this.#lines.toReversed()) {
      bytes += Buffer.byteLength(JSON.stringify(line));
      if (line.seq <= after || bytes > ROOM_HISTORY_BYTES) break;
      lines.unshift(line);
    }
    return [...lines, ...this.#open.values()];
  }

  /** All of it, for another server. */
  get history(): TrackHistory {
    const { target } = this;
    return { target, seq: this.#seq, next: this.#next, messages: this.since() };
  }

  /** Becomes what another server has. @returns what its viewers lack of it: the lines that are new, and all that is open */
  restore({ seq, next, messages }: TrackHistory): (RoomFinal | RoomOpen)[] {
    const known = this.#seq;
    this.#lines = [];
    this.#open.clear();
    for (const message of messages) this.apply(message);
    this.#seq = seq;
    this.#next = next;
    return messages.filter((message) => message.type === "open" || message.seq > known);
  }

  /** Leaves numbers out, so that none is used twice where a server that is gone may have used some already. */
  skip(count: number): void {
    this.#seq += count;
    this.#next += count;
  }
}
