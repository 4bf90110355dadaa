// Deepgram (its live streaming API): results for stretches of audio, which are final one by one and make up utterances.
import { z } from "zod";
import {
  endOf,
  type Heard,
  parsedBy,
  type Recogniser,
  type RecogniserAdapter,
  RecogniserError,
  readObject,
} from "./recogniser.ts";

const channelIndex = z.array(z.int("must be a number"), "must be a list of numbers").min(1, "must not be empty");

const resultsSchema = z.looseObject({
  channel_index: channelIndex.optional(),
  /** No later result will change this stretch of audio. */
  is_final: z.boolean("must be true or false").optional(),
  /** The speaker has paused after it. */
  speech_final: z.boolean("must be true or false").optional(),
  channel: z.looseObject(
    {
      alternatives: z
        .array(
          z.looseObject({
            transcript: z.string("must be a string"),
            words: z
              .array(z.looseObject({ end: z.number("must be a number of seconds") }), "must be a list of words")
              .optional(),
          }),
          "must be a list",
        )
        .min(1, "must have at least one"),
    },
    "must be an object",
  ),
});

const utteranceEndSchema = z.looseObject({ channel: channelIndex.optional() });

/** An utterance that goes on for so many characters is committed where a stretch of it is final. */
const UTTERANCE_MAX_CHARACTERS = 2_000;

const SENTENCE_END = /[.!?…。！？]["'”’»)\]]*$/u;

export class DeepgramAdapter implements RecogniserAdapter {
  readonly #channel: number;
  /** What is final of the utterance, and what the stream was told of it. */
  #final = "";
  #told = "";
  /** A pause was told of while the last words were not final yet. */
  #pausing = false;

  /** @param options.channel which channel of the audio is translated; the others are left out. The first by default */
  constructor(options: { channel?: number } = {}) {
    this.#channel = options.channel ?? 0;
  }

  take(message: unknown): Heard[] {
    const value = readObject(message, "deepgram");
    switch (value.type) {
      case "Results":
        return this.#results(parsedBy(resultsSchema, value, "deepgram"));
      case "UtteranceEnd":
        return this.#pause(parsedBy(utteranceEndSchema, value, "deepgram").channel);
      case "Error":
        throw new RecogniserError(
          "failed",
          `deepgram reports: ${String(value.description ?? value.message ?? "an error")}`,
        );
      default:
        if (typeof value.type === "string") return [];
        throw new RecogniserError("bad_message", "deepgram sent a message whose type must be a string", "type");
    }
  }

  end(): Heard[] {
    return this.#told === "" ? [] : this.#commit();
  }

  #results({ channel_index, is_final, speech_final, channel }: z.infer<typeof resultsSchema>): Heard[] {
    if (this.#isOther(channel_index)) return [];
    const [{ transcript, words }] = channel.alternatives;
    const text = [this.#final, transcript].filter((part) => part !== "").join(" ");
    if (is_final === true) this.#final = text;
    const stable = this.#final.length;
    const at = endOf(words);
    const heard: Heard[] = [];
    if (text !== this.#told || (is_final === true && transcript !== "")) {
      heard.push({ type: "revise", text, stable, ...(at === undefined ? {} : { at }) });
      this.#told = text;
    }
    if (is_final !== true || text === "") return heard;
    const ends = SENTENCE_END.test(text) || text.length > UTTERANCE_MAX_CHARACTERS;
    return speech_final === true || this.#pausing || ends ? [...heard, ...this.#commit()] : heard;
  }

  /** The words before the pause may still become final: a commit now would have them said twice. */
  #pause(channel: readonly number[] | undefined): Heard[] {
    if (this.#told === "" || this.#isOther(channel)) return [];
    if (this.#told === this.#final) return this.#commit();
    this.#pausing = true;
    return [];
  }

  #isOther(channel: readonly number[] | undefined): boolean {
    return channel !== undefined && channel[0] !== this.#channel;
  }

  #commit(): Heard[] {
    this.#final = "";
    this.#told = "";
    this.#pausing = false;
    return [{ type: "commit" }];
  }
}

export const deepgram: Recogniser = {
  name: "deepgram",
  adapter: () => new DeepgramAdapter(),
  address: (url, { sampleRate, language }) => {
    const settings = {
      encoding: "linear16",
      sample_rate: String(sampleRate),
      channels: "1",
      interim_results: "true",
      punctuate: "true",
      endpointing: "300",
      utterance_end_ms: "1000",
      ...(language === undefined ? {} : { language }),
    };
    const address = new URL(url);
    for (const [name, value] of Object.entries(settings)) {
      if (!address.searchParams.has(name)) address.searchParams.set(name, value);
    }
    return address;
  },
  headers: (key): Record<string, string> => (key === undefined ? {} : { authorization: `Token ${key}` }),
  greeting: () => undefined,
  goodbye: JSON.stringify({ type: "CloseStream" }),
  keepAlive: JSON.stringify({ type: "KeepAlive" }),
};
