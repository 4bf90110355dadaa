// Where one session ends and another takes its place: the translation goes on where it was, nothing lost and nothing twice.
import type { DeltaMessage, FinalMessage, TentativeMessage } from "./messages.ts";

/** What was shown of this segment no longer holds: its deltas come again from its beginning. */
export interface WithdrawnMessage {
  type: "withdrawn";
  segment: number;
  target: string;
}

export type Translated = DeltaMessage | FinalMessage | WithdrawnMessage;

interface Lane {
  /** Segments that have their final. */
  finals: number;
  /** What was given of the open segment. */
  shown: string;
  /** What the new session has said of it so far, until that is as long as what was shown. */
  repeated: string | undefined;
}

export class Seam {
  readonly #lanes = new Map<string, Lane>();
  /** The number of the session's first segment in the whole stream. */
  #base = 0;
  /** Sources of segments that some target has finished and some other has not. */
  readonly #sources = new Map<number, string>();
  #settled = 0;

  /** @param targets all languages of the stream; a segment is settled when each has its final */
  setTargets(targets: readonly string[]): void {
    for (const target of targets) {
      if (!this.#lanes.has(target)) this.#lanes.set(target, { finals: 0, shown: "", repeated: undefined });
    }
  }

  /** A new session is told again what had no final, and begins with the first segment of that. */
  restart(): void {
    this.#base = this.#settled;
    for (const lane of this.#lanes.values()) lane.repeated = "";
  }

  /** What is to be shown for a message: segments numbered through, without what was shown already. */
  take(message: DeltaMessage | FinalMessage): Translated[] {
    const segment = this.#base + message.segment;
    const lane = this.#laneOf(message.target);
    if (segment < lane.finals) return [];
    return message.type === "delta"
      ? append(lane, { ...message, segment })
      : this.#finish(lane, { ...message, segment });
  }

  /** What would follow now; nothing, where the new session has not come as far as what was shown. */
  takeTentative(message: TentativeMessage): TentativeMessage[] {
    const segment = this.#base + message.segment;
    const lane = this.#laneOf(message.target);
    return segment < lane.finals || (lane.repeated !== undefined && lane.shown !== "") ? [] : [{ ...message, segment }];
  }

  /** Segments that are finished in all targets since the last call: their sources. */
  settled(): string[] {
    const finals = Math.min(...[...this.#lanes.values()].map((lane) => lane.finals));
    const sources: string[] = [];
    for (; this.#settled < finals; this.#settled += 1) {
      sources.push(this.#sources.get(this.#settled) ?? "");
      this.#sources.delete(this.#settled);
    }
    return sources;
  }

  #finish(lane: Lane, message: FinalMessage): Translated[] {
    const { segment, target, text } = message;
    const given: Translated[] = [];
    // Shorter than what was shown: deltas alone could not tell.
    if (lane.repeated !== undefined && lane.shown !== text) {
      given.push({ type: "withdrawn", segment, target });
      if (text !== "") given.push({ type: "delta", segment, target, text, read: wordsOf(message), seq: message.seq });
    }
    this.#sources.set(segment, message.source);
    lane.finals = segment + 1;
    lane.shown = "";
    lane.repeated = undefined;
    return [...given, message];
  }

  #laneOf(target: string): Lane {
    this.setTargets([target]);
    return this.#lanes.get(target) ?? { finals: 0, shown: "", repeated: undefined };
  }
}

function append(lane: Lane, message: DeltaMessage): Translated[] {
  if (lane.repeated === undefined) {
    lane.shown += message.text;
    return [message];
  }
  const repeated = lane.repeated + message.text;
  if (lane.shown.startsWith(repeated)) {
    lane.repeated = repeated === lane.shown ? undefined : repeated;
    return [];
  }
  const { shown } = lane;
  lane.shown = repeated;
  lane.repeated = undefined;
  if (repeated.startsWith(shown)) return [{ ...message, text: repeated.slice(shown.length) }];
  const { segment, target } = message;
  return [
    { type: "withdrawn", segment, target },
    { ...message, text: repeated },
  ];
}

function wordsOf({ source }: FinalMessage): number {
  return source.match(/\S+/gu)?.length ?? 0;
}
