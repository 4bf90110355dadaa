// Who watches captions over the server's own sockets: server-sent events and WebSockets, each with its own outbox.
import type { Caption, CaptionEvent, CaptionScreen } from "../lines/caption.ts";
import type { CaptionSink, CountPost, SinkKind } from "./caption-sink.ts";

/** Where a viewer's events are written. */
export interface ViewerOutbox {
  /** Bytes that the viewer has not taken yet. */
  readonly bufferedBytes: number;
  write(text: string): void;
  /** Ends the connection. */
  close(): void;
}

export interface CaptionViewersOptions {
  /** How an event is written: frames of a WebSocket, or server-sent events. */
  format(event: CaptionEvent, id: number): string;
  count: CountPost;
  /** A viewer who has not taken so much is cut off: it can come again, and gets the last captions. Bytes. */
  outboxMaxBytes?: number;
  /** Viewers at once. */
  limit?: number;
}

interface Viewer {
  outbox: ViewerOutbox;
  target: string | undefined;
}

export const VIEWER_OUTBOX_BYTES = 64 * 1024;
export const VIEWER_LIMIT = 5_000;
/** Captions that one who comes late, or comes again, can still have. */
const KEPT_CAPTIONS = 50;

export class CaptionViewers implements CaptionSink {
  readonly kind: SinkKind;
  readonly #options: CaptionViewersOptions;
  readonly #viewers = new Set<Viewer>();
  readonly #screens = new Map<string, { event: CaptionScreen; id: number }>();
  #kept: { event: Caption; id: number }[] = [];
  #id = 0;

  constructor(kind: "events" | "websocket", options: CaptionViewersOptions) {
    this.kind = kind;
    this.#options = options;
  }

  get size(): number {
    return this.#viewers.size;
  }

  /** Whether there is no place for another viewer. */
  get full(): boolean {
    return this.#viewers.size >= (this.#options.limit ?? VIEWER_LIMIT);
  }

  /** Writes something that is no event to everyone, so that a silent connection is not taken for dead. */
  beat(text: string): void {
    for (const { outbox } of this.#viewers) outbox.write(text);
  }

  /**
   * Adds a viewer, who is sent the screen as it is now, or the captions since `lastId`.
   * @param target the language; all of them where it is left out
   * @returns takes the viewer off again; undefined where there are too many
   */
  add(outbox: ViewerOutbox, target: string | undefined, lastId?: number): (() => void) | undefined {
    if (this.full) return undefined;
    const viewer: Viewer = { outbox, target };
    this.#viewers.add(viewer);
    const missed = lastId === undefined ? [] : this.#kept.filter(({ id }) => id > lastId);
    const due = [...missed, ...this.#screens.values()].sort((a, b) => a.id - b.id);
    for (const { event, id } of due) this.#send(viewer, event, this.#options.format(event, id));
    return () => this.#viewers.delete(viewer);
  }

  take(event: CaptionEvent): void {
    this.#id += 1;
    if (event.type === "screen") this.#screens.set(event.target, { event, id: this.#id });
    else this.#kept = [...this.#kept.slice(1 - KEPT_CAPTIONS), { event, id: this.#id }];
    const text = this.#options.format(event, this.#id);
    for (const viewer of this.#viewers) this.#send(viewer, event, text);
  }

  close(): Promise<void> {
    for (const { outbox } of this.#viewers) outbox.close();
    this.#viewers.clear();
    return Promise.resolve();
  }

  #send(viewer: Viewer, event: CaptionEvent, text: string): void {
    const { outbox, target } = viewer;
    if (target !== undefined && target !== event.target) return;
    if (outbox.bufferedBytes > (this.#options.outboxMaxBytes ?? VIEWER_OUTBOX_BYTES)) {
      this.#viewers.delete(viewer);
      outbox.close();
      this.#options.count(this.kind, "full");
      return;
    }
    outbox.write(text);
    if (event.type === "caption") this.#options.count(this.kind, "sent");
  }
}

/** `text/event-stream` (HTML Living Standard, section 9.2). A browser that comes again sends the last `id`. */
export function serverSentEvent(event: CaptionEvent, id: number): string {
  return `event: ${event.type}\nid: ${id}\ndata: ${JSON.stringify(event)}\n\n`;
}

/** One JSON object in a text frame. */
export function webSocketFrame(event: CaptionEvent, id: number): string {
  return JSON.stringify({ ...event, id });
}
