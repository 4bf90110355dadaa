// What a screen shows of a stream: each segment's translation as it grows, ready to be drawn.
import type { StreamMessage } from "./client-options.ts";

export interface TranscriptSegment {
  segment: number;
  target: string;
  text: string;
  /** What would follow if the speaker stopped now, to be shown in grey behind the text; empty without `tentative`. */
  tentative: string;
  /** The segment's source; there with its final. */
  source: string | undefined;
  isFinal: boolean;
}

export class Transcript {
  #segments: readonly TranscriptSegment[] = [];
  readonly #keep: number;

  /** @param options.keep segments at most: the oldest go. All are kept by default */
  constructor(options: { keep?: number } = {}) {
    this.#keep = options.keep ?? Number.POSITIVE_INFINITY;
  }

  /** All segments in the order in which they began. A new list with each change, which a framework can compare. */
  get segments(): readonly TranscriptSegment[] {
    return this.#segments;
  }

  /** The translation so far; of one language, where the stream has several. */
  text(target?: string): string {
    const chosen = this.#segments.filter((one) => target === undefined || one.target === target);
    return chosen.map(({ text }) => text).join(" ");
  }

  /** Takes any message of the stream; those without text change nothing. */
  take(message: StreamMessage): void {
    if (message.type === "delta") this.#change(message, (one) => ({ ...one, text: one.text + message.text }));
    else if (message.type === "tentative") this.#change(message, (one) => ({ ...one, tentative: message.text }));
    else if (message.type === "withdrawn") this.#change(message, (one) => ({ ...one, text: "" }));
    else if (message.type === "final") {
      const { text, source } = message;
      this.#change(message, (one) => ({ ...one, text, source, isFinal: true }));
    }
  }

  #change(
    { segment, target }: { segment: number; target: string },
    change: (one: TranscriptSegment) => TranscriptSegment,
  ): void {
    const index = this.#segments.findLastIndex((one) => one.segment === segment && one.target === target);
    const empty = { segment, target, text: "", tentative: "", source: undefined, isFinal: false };
    // Whatever comes takes away what would have followed.
    const after = change({ ...(this.#segments[index] ?? empty), tentative: "" });
    const all = index < 0 ? [...this.#segments, after] : this.#segments.with(index, after);
    this.#segments = all.slice(Math.max(0, all.length - this.#keep));
  }
}
