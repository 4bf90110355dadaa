// YouTube live captions: one HTTP POST for each caption, with its time and text ("Closed Captions over HTTP").
import type { Caption, CaptionEvent } from "../lines/caption.ts";
import { type CaptionSink, type CountPost, wallClock } from "./caption-sink.ts";
import { verdictOf, withParameters } from "./http-verdict.ts";
import { AddressRefused } from "./outbound-address.ts";
import { requestOutbound } from "./outbound-http.ts";
import { PostQueue, type Verdict } from "./post-queue.ts";

export interface YoutubeSinkOptions {
  /** The ingestion URL of the stream, with its key. */
  url: string;
  /** The language that is sent: a stream takes one. */
  target: string;
  /** `region:reg1#cue1` after the time, where the stream has regions and cues. */
  region?: string;
  cue?: string;
  allowPrivate: boolean;
  count: CountPost;
}

interface Post {
  caption: Caption;
  seq: number | undefined;
}

export class YoutubeSink implements CaptionSink {
  readonly kind = "youtube";
  readonly #options: YoutubeSinkOptions;
  readonly #url: URL;
  readonly #queue: PostQueue<Post>;
  /** Grows by one with each new caption; a caption that is tried again keeps its number. */
  #seq = 1;
  /** YouTube's clock less ours, as its last answer says. Milliseconds. */
  #clockOffset = 0;

  constructor(options: YoutubeSinkOptions) {
    this.#options = options;
    this.#url = new URL(options.url);
    this.#queue = new PostQueue({
      post: (post, signal) => this.#post(post, signal),
      onStatus: (status) => options.count("youtube", status),
    });
  }

  take(event: CaptionEvent): void {
    if (event.type === "caption" && event.target === this.#options.target) {
      this.#queue.push({ caption: event, seq: undefined });
    }
  }

  close(): Promise<void> {
    return this.#queue.close();
  }

  async #post(post: Post, signal: AbortSignal): Promise<Verdict> {
    // Numbered when it is first sent, so that one that was dropped before leaves no gap.
    post.seq ??= this.#seq++;
    const sentAt = wallClock();
    try {
      const response = await requestOutbound({
        method: "POST",
        url: withParameters(this.#url, { seq: String(post.seq) }),
        contentType: "text/plain; charset=utf-8",
        body: youtubeBody(post.caption, this.#clockOffset, this.#options),
        allowPrivate: this.#options.allowPrivate,
        signal,
      });
      const verdict = verdictOf(response);
      if (verdict === "sent") this.#setClock(response.body, (sentAt + wallClock()) / 2);
      return verdict;
    } catch (error) {
      if (error instanceof AddressRefused) return "refused";
      throw error;
    }
  }

  /** The answer is the time at which the post was processed: it corrects a clock that is wrong. */
  #setClock(answer: string, at: number): void {
    const [time] = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,3})?/.exec(answer.trim()) ?? [];
    if (time !== undefined) this.#clockOffset = Date.parse(`${time}Z`) - at;
  }
}

/** The time in UTC and the lines, `<br>` between them; a `<br>` that is text would be a line break, and goes. */
export function youtubeBody(
  { start, lines }: Pick<Caption, "start" | "lines">,
  clockOffset: number,
  { region, cue }: Pick<YoutubeSinkOptions, "region" | "cue">,
): string {
  const time = new Date(start + clockOffset).toISOString().replace("Z", "");
  const place = region === undefined ? "" : ` region:${region}${cue === undefined ? "" : `#${cue}`}`;
  return `${time}${place}\n${lines.map((line) => line.replace(/<br\s*\/?>/gi, " ")).join("<br>")}\n`;
}
