// What an output is to a channel: something that takes caption events, and never holds up who gives them.
import type { CaptionEvent } from "../lines/caption.ts";

/** The values of the label `sink`. */
export const SINK_KINDS = ["hls", "youtube", "zoom", "obs", "events", "websocket"] as const;
export type SinkKind = (typeof SINK_KINDS)[number];

/**
 * What became of a caption, the values of the label `status`: it was taken; it is tried again; it was dropped because it
 * came too late or because the queue was full; the other side will not have it.
 */
export type PostStatus = "sent" | "retried" | "late" | "full" | "refused";

export type CountPost = (sink: SinkKind, status: PostStatus) => void;

export interface CaptionSink {
  readonly kind: SinkKind;
  /** Takes an event and returns at once: what is slow waits in the sink's own queue. */
  take(event: CaptionEvent): void;
  /** Stops; what waits is dropped. */
  close(): Promise<void>;
}

/** Milliseconds of Unix time that never go back, on which captions are timed. */
export function wallClock(): number {
  return performance.timeOrigin + performance.now();
}
