// Vosk (vosk-server's WebSocket): a partial hypothesis for every piece of audio, and a final text for each utterance.
import { z } from "zod";
import { endOf, type Heard, parsedBy, type Recogniser, type RecogniserAdapter, readObject } from "./recogniser.ts";

const words = z.array(
  z.looseObject({
    word: z.string("must be a string"),
    /** Seconds of the audio. */
    start: z.number("must be a number of seconds"),
    end: z.number("must be a number of seconds"),
  }),
  "must be a list of words",
);

const partialSchema = z.looseObject({ partial: z.string("must be a string"), partial_result: words.optional() });

const finalSchema = z.looseObject({ text: z.string("must be a string"), result: words.optional() });

/** With `max_alternatives` over 0: the likeliest comes first. */
const alternativesSchema = z.looseObject({
  alternatives: z.array(finalSchema, "must be a list").min(1, "must have at least one"),
});

export class VoskAdapter implements RecogniserAdapter {
  /** The hypothesis that the stream has. */
  #told = "";

  take(message: unknown): Heard[] {
    const value = readObject(message, "vosk");
    if ("partial" in value) {
      const { partial, partial_result } = parsedBy(partialSchema, value, "vosk");
      return this.#hear(partial, endOf(partial_result));
    }
    if ("alternatives" in value) {
      const [{ text, result }] = parsedBy(alternativesSchema, value, "vosk").alternatives;
      return this.#final(text, endOf(result));
    }
    const { text, result } = parsedBy(finalSchema, value, "vosk");
    return this.#final(text, endOf(result));
  }

  end(): Heard[] {
    return this.#told === "" ? [] : this.#commit();
  }

  /** A partial of nothing says that nothing is heard yet, and takes nothing back. */
  #hear(text: string, at: number | undefined): Heard[] {
    if (text === "" || text === this.#told) return [];
    this.#told = text;
    return [{ type: "revise", text, ...(at === undefined ? {} : { at }) }];
  }

  /** A final of nothing after a hypothesis: it was noise. What was read of it stays, and no more is read. */
  #final(text: string, at: number | undefined): Heard[] {
    if (text === "" && this.#told === "") return [];
    const time = at === undefined ? {} : { at };
    return [{ type: "revise", text, stable: text.length, ...time }, ...this.#commit()];
  }

  #commit(): Heard[] {
    this.#told = "";
    return [{ type: "commit" }];
  }
}

export const vosk: Recogniser = {
  name: "vosk",
  adapter: () => new VoskAdapter(),
  address: (url) => url,
  headers: () => ({}),
  greeting: ({ sampleRate }) => JSON.stringify({ config: { sample_rate: sampleRate, words: 1 } }),
  // The server compares the text, spaces too.
  goodbye: '{"eof" : 1}',
  keepAlive: undefined,
};
