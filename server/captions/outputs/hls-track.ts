// One language's captions as WebVTT segments for HLS (RFC 8216, section 3.5), on a sliding window.
import { writeCue } from "../files/webvtt.ts";
import type { Caption } from "../lines/caption.ts";

export interface HlsTrackOptions {
  /** When segment 0 begins: milliseconds of Unix time. */
  startAt: number;
  segmentMs: number;
  /** Segments in the playlist. */
  windowSegments: number;
  /** The video's time stamp (90 kHz) at `startAt`: how players lay captions over it. */
  mpegTs: number;
}

/** MPEG time stamps have 33 bits. */
const MPEG_TS_WRAP = 2 ** 33;
/** Ended segments that stay to be fetched after they have left the playlist: who read it a moment ago still asks for them. */
const KEPT_SEGMENTS = 3;

export class HlsTrack {
  readonly #options: HlsTrackOptions;
  #cues: Pick<Caption, "start" | "end" | "lines">[] = [];

  constructor(options: HlsTrackOptions) {
    this.#options = options;
  }

  /** A caption that begins now or later: an earlier segment has been fetched already. */
  add(caption: Pick<Caption, "start" | "end" | "lines">, now: number): void {
    this.#cues.push(caption);
    const oldest = this.#beginOf(this.#firstKept(now));
    this.#cues = this.#cues.filter(({ end }) => end > oldest);
  }

  /** The playlist of the segments that have ended. An empty segment is one too: players wait at a gap. */
  playlist(now: number): string {
    const { segmentMs, windowSegments, startAt } = this.#options;
    const ended = this.#ended(now);
    const first = Math.max(0, ended - windowSegments);
    const seconds = (segmentMs / 1000).toFixed(3);
    const segments = Array.from({ length: ended - first }, (_, index) => [
      `#EXT-X-PROGRAM-DATE-TIME:${new Date(startAt + (first + index) * segmentMs).toISOString()}`,
      `#EXTINF:${seconds},`,
      `${first + index}.vtt`,
    ]).flat();
    return [
      "#EXTM3U",
      "#EXT-X-VERSION:3",
      `#EXT-X-TARGETDURATION:${Math.ceil(segmentMs / 1000)}`,
      `#EXT-X-MEDIA-SEQUENCE:${first}`,
      ...segments,
      "",
    ].join("\n");
  }

  /**
   * A segment's text; undefined for one that has not ended, or that is no longer kept. A cue is in every segment that it
   * overlaps, with the same times, by which players know it for the same.
   */
  segment(index: number, now: number): string | undefined {
    if (!Number.isInteger(index) || index < this.#firstKept(now) || index >= this.#ended(now)) return undefined;
    const { startAt, mpegTs } = this.#options;
    const [from, to] = [this.#beginOf(index), this.#beginOf(index + 1)];
    const cues = this.#cues
      .filter(({ start, end }) => start < to && end > from)
      .map(({ start, end, lines }) => writeCue({ start: start - startAt, end: end - startAt, lines }));
    return [`WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:${mpegTs % MPEG_TS_WRAP},LOCAL:00:00:00.000\n`, ...cues].join("\n");
  }

  /** Cues that are kept. */
  get size(): number {
    return this.#cues.length;
  }

  #ended(now: number): number {
    return Math.max(0, Math.floor((now - this.#options.startAt) / this.#options.segmentMs));
  }

  #firstKept(now: number): number {
    return Math.max(0, this.#ended(now) - this.#options.windowSegments - KEPT_SEGMENTS);
  }

  #beginOf(index: number): number {
    return this.#options.startAt + index * this.#options.segmentMs;
  }
}
