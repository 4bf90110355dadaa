// Where captions are published: a session's or a room's deltas and finals in, caption events out to every sink.
import type { DeltaMessage, FinalMessage } from "../../protocol/server-messages.ts";
import type { CaptionEvent } from "../lines/caption.ts";
import type { CaptionStyle } from "../lines/caption-style.ts";
import { LineMaker } from "../lines/line-maker.ts";
import type { CaptionSink } from "./caption-sink.ts";

/** What of a session's messages a channel reads; it takes any other message and does nothing with it. */
export type ChannelMessage =
  | Pick<DeltaMessage, "type" | "target" | "text">
  | Pick<FinalMessage, "type" | "target">
  | { type: "done" | "error" | "notice" };

export interface CaptionChannelOptions {
  style: CaptionStyle;
  /** Language tags that are published; all of them by default. */
  targets?: readonly string[];
  /** Milliseconds of Unix time. */
  now(): number;
  /** A sink that threw: told of, and no other sink is touched by it. */
  onFault(error: unknown, sink: CaptionSink): void;
}

/** One for each named output. In-process: whoever has text to publish calls {@link take}. */
export class CaptionChannel {
  readonly #options: CaptionChannelOptions;
  readonly #sinks = new Set<CaptionSink>();
  readonly #makers = new Map<string, LineMaker>();

  constructor(options: CaptionChannelOptions) {
    this.#options = options;
  }

  /** Sends what is published from now on to a sink as well. @returns takes it off again */
  attach(sink: CaptionSink): () => void {
    this.#sinks.add(sink);
    return () => this.#sinks.delete(sink);
  }

  /** Publishes a message; those of one target in the order of their `seq`. Never throws. */
  take(message: ChannelMessage): void {
    if (message.type !== "delta" && message.type !== "final") return;
    const { targets, now } = this.#options;
    if (targets !== undefined && !targets.includes(message.target)) return;
    for (const event of this.#makerOf(message.target).take(message, now())) this.#publish(event);
  }

  /** The speaker is gone: words that waited for their segment's end are shown. */
  flush(): void {
    for (const maker of this.#makers.values()) {
      for (const event of maker.take({ type: "final" }, this.#options.now())) this.#publish(event);
    }
  }

  #makerOf(target: string): LineMaker {
    let maker = this.#makers.get(target);
    if (maker === undefined) {
      maker = new LineMaker(this.#options.style, target);
      this.#makers.set(target, maker);
    }
    return maker;
  }

  #publish(event: CaptionEvent): void {
    for (const sink of this.#sinks) {
      try {
        sink.take(event);
      } catch (error) {
        this.#options.onFault(error, sink);
      }
    }
  }
}
