// One named output: its channel, the sinks of its configuration, and those who watch it over the server's own sockets.
import { captionStyle } from "../lines/caption-style.ts";
import { CaptionChannel } from "./caption-channel.ts";
import { type CaptionSink, type CountPost, wallClock } from "./caption-sink.ts";
import { CaptionViewers, serverSentEvent, webSocketFrame } from "./caption-viewers.ts";
import { HlsSink } from "./hls-sink.ts";
import { ObsSink } from "./obs-sink.ts";
import type { OutputSettings, SinkSettings } from "./outputs-file.ts";
import { YoutubeSink } from "./youtube-sink.ts";
import { ZoomSink, zoomLanguage } from "./zoom-sink.ts";

export interface CaptionOutputOptions {
  count: CountPost;
  /** A sink that threw. */
  onFault(error: unknown, sink: CaptionSink): void;
}

export class CaptionOutput {
  readonly channel: CaptionChannel;
  readonly events: CaptionViewers;
  readonly sockets: CaptionViewers;
  readonly hls: HlsSink | undefined;
  /** Whether viewers need no key. */
  readonly public: boolean;
  /** Whether someone publishes here. */
  taken = false;
  readonly #sinks: readonly CaptionSink[];

  constructor(settings: OutputSettings, { count, onFault }: CaptionOutputOptions) {
    const { style, rows, targets } = settings;
    this.public = settings.public;
    this.channel = new CaptionChannel({ style: captionStyle(style, rows), targets, now: wallClock, onFault });
    this.events = new CaptionViewers("events", { format: serverSentEvent, count });
    this.sockets = new CaptionViewers("websocket", { format: webSocketFrame, count });
    const sinks = settings.sinks.map((sink) => makeSink(sink, targets ?? [], count));
    this.hls = sinks.find((sink): sink is HlsSink => sink instanceof HlsSink);
    this.#sinks = [...sinks, this.events, this.sockets];
    for (const sink of this.#sinks) this.channel.attach(sink);
  }

  async close(): Promise<void> {
    this.channel.flush();
    await Promise.all(this.#sinks.map((sink) => sink.close()));
  }
}

function makeSink(settings: SinkSettings, targets: readonly string[], count: CountPost): CaptionSink {
  switch (settings.type) {
    case "hls": {
      const { segmentSeconds, windowSegments, mpegTs, startAt } = settings;
      const start = startAt === undefined ? wallClock() : Date.parse(startAt);
      const segmentMs = Math.round(segmentSeconds * 1000);
      return new HlsSink({ startAt: start, segmentMs, windowSegments, mpegTs, now: wallClock, count }, targets);
    }
    case "youtube":
      return new YoutubeSink({ ...settings, count });
    case "zoom":
      return new ZoomSink({ ...settings, language: settings.language ?? zoomLanguage(settings.target), count });
    case "obs":
      return new ObsSink({ ...settings, count });
  }
}
