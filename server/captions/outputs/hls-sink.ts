// HLS subtitles of one output: a track for each language, read over HTTP.
import type { CaptionEvent } from "../lines/caption.ts";
import type { CaptionSink, CountPost } from "./caption-sink.ts";
import { HlsTrack, type HlsTrackOptions } from "./hls-track.ts";

export interface HlsSinkOptions extends HlsTrackOptions {
  /** Milliseconds of Unix time. */
  now(): number;
  count: CountPost;
}

/** Languages of one output: more than a session can have. */
const TRACK_LIMIT = 32;
/** Captions that one track holds, should a speaker never pause: far more than a window can show. */
const CUE_LIMIT = 2_000;

export class HlsSink implements CaptionSink {
  readonly kind = "hls";
  readonly #options: HlsSinkOptions;
  readonly #tracks = new Map<string, HlsTrack>();

  /** @param targets languages whose playlists are there before anything was said */
  constructor(options: HlsSinkOptions, targets: readonly string[] = []) {
    this.#options = options;
    for (const target of targets) this.#tracks.set(target, new HlsTrack(options));
  }

  take(event: CaptionEvent): void {
    if (event.type !== "caption") return;
    const track = this.#trackOf(event.target);
    if (track === undefined || track.size >= CUE_LIMIT) {
      this.#options.count("hls", "full");
      return;
    }
    track.add(event, this.#options.now());
    this.#options.count("hls", "sent");
  }

  /** A language's playlist; undefined where nothing was said in it. */
  playlist(target: string): string | undefined {
    return this.#tracks.get(target)?.playlist(this.#options.now());
  }

  /** A segment; undefined where it has not ended or is no longer kept. */
  segment(target: string, index: number): string | undefined {
    return this.#tracks.get(target)?.segment(index, this.#options.now());
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #trackOf(target: string): HlsTrack | undefined {
    const track = this.#tracks.get(target);
    if (track !== undefined || this.#tracks.size >= TRACK_LIMIT) return track;
    const added = new HlsTrack(this.#options);
    this.#tracks.set(target, added);
    return added;
  }
}
