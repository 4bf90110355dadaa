// Captions in OBS's own stream (CEA-608): the request SendStreamCaption of obs-websocket 5.
import type { CaptionEvent } from "../lines/caption.ts";
import type { CaptionSink, CountPost } from "./caption-sink.ts";
import { type ObsAddress, ObsConnection, ObsRefused } from "./obs-connection.ts";
import { AddressRefused } from "./outbound-address.ts";
import { PostQueue, type Verdict } from "./post-queue.ts";

export interface ObsSinkOptions extends ObsAddress {
  /** The language that is sent: a stream carries one. */
  target: string;
  count: CountPost;
}

/** Statuses of obs-websocket's RequestStatus that may pass: not ready (scenes are changed). */
const NOT_READY = 207;

export class ObsSink implements CaptionSink {
  readonly kind = "obs";
  readonly #options: ObsSinkOptions;
  readonly #queue: PostQueue<string>;
  #connection: ObsConnection | undefined;

  constructor(options: ObsSinkOptions) {
    this.#options = options;
    this.#queue = new PostQueue({
      post: (text, signal) => this.#post(text, signal),
      onStatus: (status) => options.count("obs", status),
    });
  }

  take(event: CaptionEvent): void {
    if (event.type === "caption" && event.target === this.#options.target) this.#queue.push(event.lines.join("\n"));
  }

  async close(): Promise<void> {
    await this.#queue.close();
    this.#connection?.close();
  }

  /** Connects when there is something to send, so that OBS may be started after the server, and restarted. */
  async #post(captionText: string, signal: AbortSignal): Promise<Verdict> {
    try {
      if (this.#connection?.open !== true) this.#connection = await ObsConnection.open(this.#options, signal);
      const { result, code } = await this.#connection.request("SendStreamCaption", { captionText }, signal);
      if (result) return "sent";
      // Such as 501: the stream is not running. A caption for a stream that is not there is late for ever.
      return code === NOT_READY ? "retry" : "refused";
    } catch (error) {
      if (error instanceof ObsRefused || error instanceof AddressRefused) return "refused";
      throw error;
    }
  }
}
