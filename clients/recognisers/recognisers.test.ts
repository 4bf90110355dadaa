import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { DeepgramAdapter, deepgram } from "./deepgram.ts";
import type { Heard, RecogniserAdapter } from "./recogniser.ts";
import { VoskAdapter, vosk } from "./vosk.ts";

const sessionSchema = z.array(z.object({ at: z.number(), message: z.unknown() }));

/** A recorded session: when each message came, in seconds of the audio, and what was made of it. */
function replay(name: string, adapter: RecogniserAdapter): [number, ...string[]][] {
  const text = readFileSync(new URL(`fixtures/${name}-session.json`, import.meta.url), "utf8");
  const heard = sessionSchema.parse(JSON.parse(text)).map(({ at, message }) => [at, adapter.take(message)] as const);
  return [...heard, [99, adapter.end()] as const]
    .filter(([, all]) => all.length > 0)
    .map(([at, all]) => [at, ...all.map(written)]);
}

/** `commit` as `|`, a hypothesis with what is stable of it before a `/` and the time of its last word. */
function written(heard: Heard): string {
  if (heard.type === "commit") return "|";
  const { text, stable = 0, at } = heard;
  return `${text.slice(0, stable)}/${text.slice(stable)}${at === undefined ? "" : ` @${at}`}`;
}

describe("a recorded session", () => {
  it("of Vosk: partials are hypotheses, finals commit, noise takes nothing back", () => {
    expect(replay("vosk", new VoskAdapter())).toEqual([
      [0.3, "/the"],
      [0.5, "/the hard"],
      [0.7, "/the harbour is"],
      [1, "/the harbour is close"],
      [1.2, "/the harbour is closed to"],
      [1.5, "/the harbour is closed today"],
      [1.9, "the harbour is closed today/ @1650", "|"],
      [2.2, "/huh"],
      [2.4, "/", "|"],
      [2.6, "/all ships"],
      [2.9, "/all ships weight"],
      [3.1, "/all ships wait outside"],
      [3.5, "all ships wait outside/ @3650", "|"],
    ]);
  });

  it("of Deepgram: final stretches are stable, pauses and sentences commit, and nothing is said twice", () => {
    expect(replay("deepgram", new DeepgramAdapter())).toEqual([
      [0.6, "/The harbor @750"],
      [1.1, "/The harbour is @1050"],
      [1.4, "The harbour is closed/ @1350"],
      [1.8, "The harbour is closed/ today @1700"],
      [2, "The harbour is closed today./ @1700", "|"],
      [2.9, "/All ships weight @3150"],
      // The pause was told of before its words were final: the commit waits for them.
      [3.3, "All ships wait outside/ @3450", "|"],
      [3.6, "/for us @3900"],
      [3.9, "for us/ @3900"],
      [99, "|"],
    ]);
  });
});

describe("Vosk", () => {
  it("may give alternatives, and times in partials", () => {
    const adapter = new VoskAdapter();
    const words = [{ word: "one", start: 0.1, end: 0.4, conf: 1 }];
    expect(adapter.take({ partial: "one", partial_result: words })).toEqual([{ type: "revise", text: "one", at: 400 }]);
    expect(adapter.take('{"alternatives": [{"confidence": 212.5, "text": "won"}, {"text": "one"}]}')).toEqual([
      { type: "revise", text: "won", stable: 3 },
      { type: "commit" },
    ]);
    expect([adapter.take({ text: "" }), adapter.end()]).toEqual([[], []]);
  });

  it("is greeted and left in its own words", () => {
    const url = new URL("ws://localhost:2700");
    expect(vosk.address(url, { sampleRate: 8_000 }).href).toBe("ws://localhost:2700/");
    expect(JSON.parse(vosk.greeting({ sampleRate: 8_000 }) ?? "")).toEqual({
      config: { sample_rate: 8_000, words: 1 },
    });
    expect(vosk.goodbye).toBe('{"eof" : 1}');
  });
});

describe("Deepgram", () => {
  it("is told how the audio is, but for what the address says", () => {
    const given = new URL("wss://api.example/v1/listen?endpointing=500&model=m");
    const { searchParams } = deepgram.address(given, { sampleRate: 16_000, language: "en" });
    expect(Object.fromEntries(searchParams)).toEqual({
      ...{ endpointing: "500", model: "m", encoding: "linear16", sample_rate: "16000", channels: "1" },
      ...{ interim_results: "true", punctuate: "true", utterance_end_ms: "1000", language: "en" },
    });
    expect(deepgram.headers("k")).toEqual({ authorization: "Token k" });
  });

  it("leaves other channels out", () => {
    const result = (channel: number, transcript: string) => ({
      ...{ type: "Results", channel_index: [channel, 2], is_final: true, speech_final: true },
      channel: { alternatives: [{ transcript, confidence: 1, words: [] }] },
    });
    const adapter = new DeepgramAdapter({ channel: 1 });
    expect(adapter.take(result(0, "left"))).toEqual([]);
    expect(adapter.take(result(1, "right"))).toEqual([
      { type: "revise", text: "right", stable: 5 },
      { type: "commit" },
    ]);
  });

  it("commits a speaker who never pauses", () => {
    const adapter = new DeepgramAdapter();
    const stretch = "word after word and never a pause between them";
    let commits = 0;
    for (let index = 0; index < 200; index += 1) {
      const heard = adapter.take({
        ...{ type: "Results", is_final: true, speech_final: false },
        channel: { alternatives: [{ transcript: stretch }] },
      });
      for (const one of heard) {
        if (one.type === "commit") commits += 1;
        else expect(one.text.length).toBeLessThan(3_000);
      }
    }
    expect(commits).toBe(4);
  });

  it("says each final stretch once, whatever comes between", () => {
    const text = fc.stringMatching(/^[a-z]{1,5}( [a-z]{1,5}){0,3}\.?$/);
    const message = fc.oneof(
      fc.record({ type: fc.constant("Results"), is_final: fc.boolean(), speech_final: fc.boolean(), text }),
      fc.constant({ type: "UtteranceEnd" }),
      fc.constant({ type: "SpeechStarted" }),
    );
    fc.assert(
      fc.property(fc.array(message, { maxLength: 30 }), (messages) => {
        const adapter = new DeepgramAdapter();
        const finals: string[] = [];
        const said: string[] = [];
        let last = "";
        const hear = (heard: Heard[]) => {
          for (const one of heard) {
            if (one.type === "revise") last = one.text;
            else said.push(last);
          }
        };
        for (const one of messages) {
          if (!("text" in one)) hear(adapter.take(one));
          else {
            // What is final is what the speaker has paused after, never an interim result.
            const speech_final = one.is_final && one.speech_final;
            hear(adapter.take({ ...one, speech_final, channel: { alternatives: [{ transcript: one.text }] } }));
            if (one.is_final) finals.push(one.text);
          }
        }
        const isOpen = messages.findLast((one) => "text" in one);
        if (isOpen !== undefined && "text" in isOpen && !isOpen.is_final) finals.push(isOpen.text);
        hear(adapter.end());
        expect(said.join(" ")).toBe(finals.join(" "));
      }),
    );
  });
});

describe("what is no message of theirs", () => {
  it.each([
    [new VoskAdapter(), "not json", undefined],
    [new VoskAdapter(), "[]", undefined],
    [new VoskAdapter(), { partial: 3 }, "partial"],
    [new VoskAdapter(), {}, "text"],
    [new VoskAdapter(), { text: "secret", result: [{ word: "secret", start: 0 }] }, "result[0].end"],
    [new VoskAdapter(), { alternatives: [] }, "alternatives"],
    [new DeepgramAdapter(), { type: 7 }, "type"],
    [new DeepgramAdapter(), { type: "Results" }, "channel"],
    [new DeepgramAdapter(), { type: "Results", channel: { alternatives: [{}] } }, "channel.alternatives[0].transcript"],
    [new DeepgramAdapter(), { type: "Results", is_final: "yes", channel: { alternatives: [] } }, "is_final"],
  ])("%o refuses %j and names %s", (adapter, message, field) => {
    expect(() => adapter.take(message)).toThrow(expect.objectContaining({ code: "bad_message", field }));
    expect(() => adapter.take(message)).toThrow(/^(?!.*secret)/);
  });

  it("is told apart from a failure that they report, and from what is new", () => {
    const adapter = new DeepgramAdapter();
    expect(() => adapter.take({ type: "Error", description: "no credit" })).toThrow("deepgram reports: no credit");
    expect(adapter.take({ type: "Metadata", request_id: "x" })).toEqual([]);
    expect(adapter.take({ type: "Sentiment" })).toEqual([]);
  });
});
