// One stream of a load: from the frames that arrive to latencies and to what was lost or broken. No socket, no clock.
import type { LoadFigures } from "./load-figures.ts";
import type { DeltaFrame, FinalFrame } from "./server-frame.ts";

type SegmentFrame = DeltaFrame | FinalFrame;

export interface StreamTrackerOptions {
  /** When a word of this stream is due, in milliseconds from the start. */
  dueMs(word: number): number;
  /** Latencies of words due before are not recorded. */
  warmupMs: number;
  figures: LoadFigures;
}

/**
 * A delta counts its words within its segment, and the server decides where segments end. So the number of the
 * segment's first word in the stream is known only when all finals before it have come, each with its source text;
 * frames of later segments are kept until then, with their arrival times.
 */
export class StreamTracker {
  readonly #options: StreamTrackerOptions;
  #wordsSent = 0;
  #lastSeq = 0;
  /** The segment whose final comes next (from 0), its first word's number in the stream, and the text of its deltas. */
  #segment = 0;
  #firstWord = 0;
  #text = "";
  #hasDelta = false;
  #early: { frame: SegmentFrame; arrivedMs: number }[] = [];

  constructor(options: StreamTrackerOptions) {
    this.#options = options;
  }

  wordSent(): void {
    this.#wordsSent += 1;
    this.#options.figures.counts.wordsSent += 1;
  }

  /** @param arrivedMs milliseconds from the start */
  receive(frame: SegmentFrame, arrivedMs: number): void {
    const { violations } = this.#options.figures;
    if (frame.seq !== this.#lastSeq + 1) violations.sequence += 1;
    this.#lastSeq = frame.seq;
    if (frame.segment < this.#segment) violations.segment += 1;
    else if (frame.segment > this.#segment) this.#early.push({ frame, arrivedMs });
    else this.#take(frame, arrivedMs);
  }

  #take(frame: SegmentFrame, arrivedMs: number): void {
    if (frame.type === "delta") this.#takeDelta(frame, arrivedMs);
    else this.#takeFinal(frame, arrivedMs);
  }

  #takeDelta(frame: DeltaFrame, arrivedMs: number): void {
    const { figures } = this.#options;
    figures.counts.deltas += 1;
    this.#text += frame.text;
    const word = this.#firstWord + frame.read - 1;
    if (frame.read < 1 || word >= this.#wordsSent) {
      figures.violations.read += 1;
      return;
    }
    if (this.#measures(word)) {
      figures.wordLatency.record(this.#since(word, arrivedMs));
      for (const part of ["latency", "queue", "compute"] as const) {
        const reported = frame[part];
        if (reported !== undefined) figures.server[part].record(reported);
      }
    }
    if (!this.#hasDelta && this.#measures(this.#firstWord)) {
      figures.firstDelta.record(this.#since(this.#firstWord, arrivedMs));
      figures.firstDeltaLatency.record(this.#since(word, arrivedMs));
    }
    this.#hasDelta = true;
  }

  #takeFinal(frame: FinalFrame, arrivedMs: number): void {
    const { figures } = this.#options;
    const words = frame.source.match(/\S+/gu)?.length ?? 0;
    const lastWord = this.#firstWord + words - 1;
    figures.counts.finals += 1;
    figures.counts.wordsFinal += words;
    if (frame.text !== this.#text) figures.violations.text += 1;
    if (words === 0 || lastWord >= this.#wordsSent) figures.violations.read += 1;
    else if (this.#measures(lastWord)) figures.final.record(this.#since(lastWord, arrivedMs));
    this.#segment = frame.segment + 1;
    this.#firstWord += words;
    this.#text = "";
    this.#hasDelta = false;
    this.#takeEarly();
  }

  #takeEarly(): void {
    const waiting = this.#early;
    this.#early = [];
    for (const { frame, arrivedMs } of waiting) {
      if (frame.segment === this.#segment) this.#take(frame, arrivedMs);
      else this.#early.push({ frame, arrivedMs });
    }
  }

  #measures(word: number): boolean {
    return this.#options.dueMs(word) >= this.#options.warmupMs;
  }

  #since(word: number, arrivedMs: number): number {
    return Math.max(0, arrivedMs - this.#options.dueMs(word));
  }
}
