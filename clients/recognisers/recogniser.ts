// What a speech recogniser's messages become, and how one talks to it: the same for every recogniser.
import type { z } from "zod";

/** What to say on a stream: the recogniser's hypothesis since the last commit, or that it is final. */
export type Heard = { type: "revise"; text: string; stable?: number; at?: number } | { type: "commit" };

/** One recogniser's messages, in the order in which they come, to what is said on the stream. */
export interface RecogniserAdapter {
  /**
   * @param message a frame's JSON, as text or parsed
   * @throws RecogniserError where it is none of the recogniser's messages, or tells of a failure
   */
  take(message: unknown): Heard[];
  /** The recogniser is gone: what was not final is taken as it is. */
  end(): Heard[];
}

export interface AudioFormat {
  /** Samples a second of 16-bit little-endian PCM, one channel. */
  sampleRate: number;
  /** The language that is spoken, where the recogniser has to be told. */
  language?: string;
}

/** How one talks to a recogniser over a WebSocket; audio goes there in binary frames. */
export interface Recogniser {
  readonly name: string;
  adapter(): RecogniserAdapter;
  /** The address, with what the recogniser has to be told there: a parameter that is there already stays. */
  address(url: URL, audio: AudioFormat): URL;
  headers(key: string | undefined): Record<string, string>;
  /** Sent before the audio. */
  greeting(audio: AudioFormat): string | undefined;
  /** Sent after the audio; the recogniser answers what it still has, and closes. */
  readonly goodbye: string;
  /** Sent where no audio comes for some seconds. */
  readonly keepAlive: string | undefined;
}

/** A recogniser's message that is not what its documents say, or that tells of a failure. */
export class RecogniserError extends Error {
  override readonly name = "RecogniserError";
  readonly code: "bad_message" | "failed";
  /** Which field of the message, such as `channel.alternatives[0].transcript`. */
  readonly field: string | undefined;

  constructor(code: RecogniserError["code"], message: string, field?: string) {
    super(message);
    this.code = code;
    this.field = field;
  }
}

/** @throws RecogniserError for what is no JSON object */
export function readObject(message: unknown, recogniser: string): Record<string, unknown> {
  let value = message;
  if (typeof message === "string") {
    try {
      value = JSON.parse(message);
    } catch {
      throw new RecogniserError("bad_message", `${recogniser} sent a frame that is not JSON`);
    }
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new RecogniserError("bad_message", `${recogniser} sent a frame that is not a JSON object`);
  }
  return { ...value };
}

/** @throws RecogniserError naming the field; never repeats what was said */
export function parsedBy<Output>(schema: z.ZodType<Output>, value: unknown, recogniser: string): Output {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [{ path, message }] = parsed.error.issues;
  const field = path
    .map((part, index) => (typeof part === "number" ? `[${part}]` : `${index === 0 ? "" : "."}${String(part)}`))
    .join("");
  throw new RecogniserError("bad_message", `${recogniser} sent a message whose ${field} ${message}`, field);
}

/** The end of the last word, in milliseconds of the audio; undefined where words have no times. */
export function endOf(words: readonly { end: number }[] | undefined): number | undefined {
  const last = words?.at(-1);
  return last === undefined ? undefined : Math.round(last.end * 1000);
}
