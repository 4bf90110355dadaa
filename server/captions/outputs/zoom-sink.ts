// Zoom closed captions: one HTTP POST of plain text for each caption to the meeting's caption URL ("API token").
import type { Caption, CaptionEvent } from "../lines/caption.ts";
import type { CaptionSink, CountPost } from "./caption-sink.ts";
import { verdictOf, withParameters } from "./http-verdict.ts";
import { AddressRefused } from "./outbound-address.ts";
import { requestOutbound } from "./outbound-http.ts";
import { PostQueue, type Verdict } from "./post-queue.ts";

export interface ZoomSinkOptions {
  /** The caption URL that the host copies from the meeting. */
  url: string;
  /** The language that is sent: a meeting shows one. */
  target: string;
  /** Language and country as Zoom writes them: `de-DE`. */
  language: string;
  allowPrivate: boolean;
  count: CountPost;
}

interface Post {
  caption: Caption;
  seq: number | undefined;
}

/** What Zoom calls the languages that its document lists. */
const ZOOM_LANGUAGES: Readonly<Record<string, string>> = {
  de: "de-DE",
  en: "en-US",
  ja: "jp-JP",
  es: "es-ES",
  fr: "fr-FR",
  zh: "zh-CN",
};

/** Zoom's name of a language; the tag itself where it has a region already, language and country alike otherwise. */
export function zoomLanguage(target: string): string {
  if (/^[a-z]{2,3}-[A-Z]{2}$/.test(target)) return target;
  const base = target.toLowerCase().split(/[-_]/)[0];
  return ZOOM_LANGUAGES[base] ?? `${base}-${base.toUpperCase()}`;
}

export class ZoomSink implements CaptionSink {
  readonly kind = "zoom";
  readonly #options: ZoomSinkOptions;
  readonly #url: URL;
  readonly #queue: PostQueue<Post>;
  /** The next number: asked for before the first caption, since the meeting may have had captions before. */
  #seq: number | undefined;

  constructor(options: ZoomSinkOptions) {
    this.#options = options;
    this.#url = new URL(options.url);
    this.#queue = new PostQueue({
      post: (post, signal) => this.#post(post, signal),
      onStatus: (status) => options.count("zoom", status),
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
    try {
      this.#seq ??= await this.#nextSeq(signal);
      post.seq ??= this.#seq++;
      const { allowPrivate, language } = this.#options;
      const response = await requestOutbound({
        method: "POST",
        url: withParameters(this.#url, { seq: String(post.seq), lang: language }),
        contentType: "text/plain; charset=utf-8",
        body: `${post.caption.lines.join("\n")}\n`,
        allowPrivate,
        signal,
      });
      return verdictOf(response);
    } catch (error) {
      if (error instanceof AddressRefused) return "refused";
      throw error;
    }
  }

  /** `GET …/closedcaption/seq` gives the number of the last caption that the meeting has. */
  async #nextSeq(signal: AbortSignal): Promise<number> {
    const url = new URL(this.#url);
    url.pathname = `${url.pathname.replace(/\/$/, "")}/seq`;
    const { status, body } = await requestOutbound({
      method: "GET",
      url,
      allowPrivate: this.#options.allowPrivate,
      signal,
    });
    const last = Number(body.trim());
    if (status !== 200 || body.trim() === "" || !Number.isSafeInteger(last)) {
      throw new Error(`the meeting did not say which caption it had last (${status})`);
    }
    return last + 1;
  }
}
