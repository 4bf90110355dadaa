import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type CarryingManifest, carryingOf, openReader } from "../../models/carrying.ts";
import { CtcDecoder } from "../../models/ctc-decoder.ts";
import { standInTokenizer } from "../../models/stand-in-tokenizer.ts";
import { TargetStream } from "../../models/target-stream.ts";
import type { Carrying } from "../../models/value-reader.ts";
import { BLANK_ID, EOS_ID } from "../../models/vocabulary.ts";
import type { Wait } from "../../models/wait.ts";
import type { DeltaMessage, FinalMessage } from "../protocol/server-messages.ts";
import { Session } from "./session.ts";
import type { SessionAction, SessionEvent, SessionMessage } from "./session-event.ts";
import type { SessionLimits } from "./session-settings.ts";
import type { SessionTarget } from "./session-target.ts";

const tokenizer = standInTokenizer();

const PLACEHOLDERS: CarryingManifest = {
  ...{ name: "en-de", source: "en", target: "de" },
  placeholders: { kinds: ["number", "code", "name", "term"], translated: [] },
};
const CARRYING = carryingOf(PLACEHOLDERS, { glossary: [{ source: "the word", target: "das Wort" }] });

function target(
  language: string,
  wait: Wait,
  maxSourceTokens = 160,
  prefix?: readonly number[],
  carrying?: Carrying,
): SessionTarget {
  return {
    language,
    model: `en-${language}`,
    wait,
    maxSourceTokens,
    prefix,
    openSource: () => openReader(tokenizer, carrying),
    openTarget: (table) => new TargetStream(tokenizer, table),
  };
}

/** A session and an engine that says the source back, when and as far as it is told to. */
class Stage {
  readonly session: Session;
  readonly actions: SessionAction[] = [];
  now = 0;
  /** Chunks that one output covers at most. */
  maxRowTokens = 1000;
  readonly #targets: SessionTarget[];
  readonly #open = new Map<string, { target: number; segment: number; decoder: CtcDecoder }>();

  constructor(targets: SessionTarget[], settings: { timings?: boolean; limits?: Partial<SessionLimits> } = {}) {
    this.#targets = targets;
    this.session = new Session({ source: "en", targets, ...settings }, this.now);
  }

  tell(event: SessionEvent): this {
    for (const action of this.session.handle(event, this.now)) {
      this.actions.push(action);
      if (!("segment" in action)) continue;
      const key = `${action.target}/${action.segment}`;
      if (action.type === "open") {
        const { wait, maxSourceTokens } = this.#targets[action.target];
        const decoder = new CtcDecoder({ wait, maxSourceTokens, slotsPerToken: 2 });
        this.#open.set(key, { target: action.target, segment: action.segment, decoder });
      } else if (action.type === "push") this.#open.get(key)!.decoder.read(action.ids);
      else if (action.type === "finish") this.#open.get(key)!.decoder.end();
      else this.#open.delete(key);
    }
    return this;
  }

  say(text: string, at?: number): this {
    return this.tell({ type: "text", text, at });
  }

  get openSegments(): string[] {
    return [...this.#open.keys()];
  }

  /** Runs one step of one segment; `choice` says which. False when nothing is due. */
  step(choice = 0): boolean {
    const open = [...this.#open];
    for (let offset = 0; offset < open.length; offset++) {
      const [key, entry] = open[(choice + offset) % open.length];
      const { target, segment, decoder } = entry;
      const row = decoder.next(this.maxRowTokens);
      if (!row) continue;
      const slotIds = row.chunks.flatMap((id) => [id === EOS_ID ? BLANK_ID : id, BLANK_ID]);
      const parts = decoder.acceptParts({ slotIds, slotScores: slotIds.map(() => 0) });
      const ids = parts.flatMap((part) => part.ids);
      const needs = parts[0]?.needs ?? 0;
      const { done, tokensRead } = decoder;
      const output = { ids, tokensRead, needs, done, queueMs: 1, computeMs: 2, batchSize: 1 };
      if (done) this.#open.delete(key);
      this.tell({ type: "output", target, segment, output });
      return true;
    }
    return false;
  }

  settle(): this {
    while (this.step());
    return this;
  }

  get messages(): SessionMessage[] {
    return this.actions.flatMap((action) => (action.type === "emit" ? [action.message] : []));
  }

  finals(language?: string): FinalMessage[] {
    return this.messages.filter(
      (message): message is FinalMessage => message.type === "final" && (!language || message.target === language),
    );
  }

  deltas(): DeltaMessage[] {
    return this.messages.filter((message): message is DeltaMessage => message.type === "delta");
  }
}

describe("Session", () => {
  it("writes deltas as words come, then the final, which is their concatenation", () => {
    const stage = new Stage([target("de", 1)]);
    stage.say("the wo").settle();
    expect(stage.deltas().map(({ text, read }) => [text, read])).toEqual([["the", 1]]);
    stage.say("rd, In").settle();
    expect(stage.finals()).toMatchObject([]);
    stage.tell({ type: "commit" }).settle();
    expect(stage.finals()).toMatchObject([{ segment: 0, source: "the word, In", text: "the word, In", target: "de" }]);
    expect(stage.deltas().map(({ text }) => text)).toEqual(["the", " word,", " In"]);
    expect(stage.messages.map((message) => "seq" in message && message.seq)).toEqual([1, 2, 3, 4]);
  });

  it("hands a target's tags over with the first token, and counts them nowhere", () => {
    const prefix = [13, 5];
    const stage = new Stage([target("de", 1, 160, prefix), target("fr", 4, 160)], { timings: true });
    const pushes = () => stage.actions.flatMap((action) => (action.type === "push" ? [action] : []));
    stage.say("b").settle();
    expect(pushes()).toEqual([]);
    stage.now = 20;
    stage.say(" c ").settle();
    expect(pushes()[0].ids).toEqual([...prefix, ...tokenizer.encode("b"), ...tokenizer.encode("c")]);
    expect(pushes()[1].ids).toEqual(tokenizer.encode("b c"));
    // The stand-in engine says its source back: tags are no text.
    expect(stage.deltas()[0]).toMatchObject({ text: "b c", read: 2, latency: 0 });
    stage.now = 30;
    stage.tell({ type: "end" }).settle();
    const finals = stage.actions.flatMap((action) => (action.type === "emit" ? (action.measure ?? []) : []));
    expect(finals.filter(({ type }) => type === "final")).toMatchObject([
      { sourceWords: 2, sourceTokens: 4 },
      { sourceWords: 2, sourceTokens: 4 },
    ]);
    expect(stage.messages.at(-1)).toMatchObject({ type: "done", words: 2 });
  });

  it("measures a delta from the word that allowed it, tags or none", () => {
    const latencies = [[], [13], [13, 5]].map((prefix) => {
      const stage = new Stage([target("de", 4, 160, prefix)], { timings: true });
      for (const character of "b c f g h ") {
        stage.now += 10;
        stage.say(character);
      }
      stage.now = 500;
      stage.settle();
      return stage.deltas()[0].latency;
    });
    // Four positions allow the oldest chunk: both words' tokens, or two tags and the first word's.
    expect(latencies).toEqual([500 - 40, 500 - 40, 500 - 20]);
  });

  it("keeps the order of segments, though a later one is ready first", () => {
    const stage = new Stage([target("de", 1)]);
    stage.say("one. two. three. ");
    while (stage.step(stage.openSegments.length - 1));
    expect(stage.messages.filter(({ type }) => type === "final")).toMatchObject([
      { segment: 0, text: "one." },
      { segment: 1, text: "two." },
      { segment: 2, text: "three." },
    ]);
    const segments = stage.messages.map((message) => "segment" in message && message.segment);
    expect(segments).toEqual([...segments].sort());
    expect(stage.deltas().every(({ text }) => !text.startsWith(" "))).toBe(true);
  });

  it("has only so many segments in the engine", () => {
    const stage = new Stage([target("de", 3)], { limits: { maxOpenSegments: 2 } });
    stage.say("one. two. three. four. ");
    expect(stage.openSegments).toEqual(["0/0", "0/1"]);
    stage.step();
    expect(stage.openSegments).toEqual(["0/1", "0/2"]);
    stage.settle();
    expect(stage.finals().map(({ source }) => source)).toEqual(["one.", "two.", "three.", "four."]);
  });

  it("ends with done after the last final, then closes, once", () => {
    const stage = new Stage([target("de", "full")]);
    stage.now = 40;
    stage.say("one two. three").tell({ type: "end" });
    expect(stage.messages).toEqual([]);
    stage.now = 70;
    stage.settle();
    expect(stage.actions.slice(-2)).toEqual([
      { type: "emit", message: { type: "done", segments: 2, words: 3, duration: 70 } },
      { type: "close", code: 1000 },
    ]);
    expect(stage.session.closed).toBe(true);
    expect(stage.session.handle({ type: "text", text: "more" }, 80)).toEqual([]);
  });

  it("is done at once when there is nothing to flush, and makes no segment of an empty commit", () => {
    const stage = new Stage([target("de", 1)]);
    stage.say(" \n").tell({ type: "commit" }).tell({ type: "end" });
    expect(stage.messages).toEqual([{ type: "done", segments: 0, words: 0, duration: 0 }]);
  });

  it("writes every target, each in its own order", () => {
    const stage = new Stage([target("de", 1), target("fr", 5)]);
    stage.say("the word. in order. ").tell({ type: "end" }).settle();
    for (const language of ["de", "fr"]) {
      expect(stage.finals(language).map(({ segment, text }) => [segment, text])).toEqual([
        [0, "the word."],
        [1, "in order."],
      ]);
    }
    expect(stage.messages.at(-1)).toMatchObject({ type: "done", segments: 2, words: 4 });
  });

  it("refuses what is too long or too much, and goes on without it", () => {
    const limits = { maxMessageCharacters: 10, maxPendingCharacters: 16 };
    const stage = new Stage([target("de", "full")], { limits });
    stage.say("the words in order");
    expect(stage.messages).toMatchObject([{ type: "error", code: "too_large", field: "text", fatal: false }]);
    stage.say("the word ").say("in order ");
    expect(stage.messages[1]).toMatchObject({ code: "overloaded", field: "text", fatal: false, retryAfter: 1 });
    stage.tell({ type: "commit" }).settle();
    stage.say("in order ").tell({ type: "commit" }).settle();
    expect(stage.finals().map(({ text }) => text)).toEqual(["the word", "in order"]);
  });

  it("refuses text after end", () => {
    const stage = new Stage([target("de", 1)]);
    stage.say("one").tell({ type: "end" }).say("two").tell({ type: "commit" });
    expect(stage.messages).toMatchObject([{ code: "bad_request", fatal: false }, { code: "bad_request" }]);
    stage.settle();
    expect(stage.finals().map(({ text }) => text)).toEqual(["one"]);
  });

  it("tells of an engine failure, cancels the rest and closes", () => {
    const stage = new Stage([target("de", 9)]);
    stage.say("one. two. thr");
    const failure = { code: "internal" as const, message: "broken" };
    stage.tell({ type: "failure", target: 0, segment: 1, failure });
    expect(stage.actions.slice(-4)).toEqual([
      { type: "cancel", target: 0, segment: 0 },
      { type: "cancel", target: 0, segment: 1 },
      { type: "emit", message: { type: "error", code: "internal", message: "broken", fatal: true } },
      { type: "close", code: 1011 },
    ]);
  });

  it("cancels everything and says nothing on abort", () => {
    const stage = new Stage([target("de", 9)]);
    stage.say("one. two");
    stage.tell({ type: "abort" }).settle();
    expect(stage.openSegments).toEqual([]);
    expect(stage.messages).toEqual([]);
  });

  it("times segments by the speaker's clock where there is one", () => {
    const stage = new Stage([target("de", 1)]);
    stage.say("on", 1000).say("e two", 1500).say(" three. four", 2100).say(". ", 2400).settle();
    expect(stage.finals()).toMatchObject([{ source: "one two three.", start: 1000, end: 2100 }, { start: 2100 }]);
    const bare = new Stage([target("de", 1)]);
    bare.now = 30;
    bare.say("one ");
    bare.now = 50;
    bare.say("two ").tell({ type: "commit" }).settle();
    expect(bare.finals()).toMatchObject([{ start: 30, end: 50 }]);
  });

  it("measures from the word that allowed a delta", () => {
    const stage = new Stage([target("de", 4)], { timings: true });
    for (const character of "b c f g h ") {
      stage.now += 10;
      stage.say(character);
    }
    stage.now = 500;
    stage.settle();
    expect(tokenizer.encode("b c")).toHaveLength(4);
    // The fourth token is of the second word, which was complete at the space after it.
    expect(stage.deltas()[0]).toMatchObject({ latency: 500 - 40, queue: 1, compute: 2 });
    stage.now = 600;
    stage.tell({ type: "commit" });
    stage.now = 650;
    stage.settle();
    expect(stage.finals()[0]).toMatchObject({ latency: 50 });
    const measure = stage.actions.findLast((action) => action.type === "emit")?.measure;
    expect(measure).toMatchObject({ type: "final", sourceWords: 5, finalMs: 50 });
    expect(stage.deltas().at(-1)).toMatchObject({ latency: 50 });
  });

  it("leaves times out unless asked", () => {
    const stage = new Stage([target("de", 1)]);
    stage.say("one ").tell({ type: "commit" }).settle();
    for (const message of stage.messages) expect(message).not.toHaveProperty("latency");
    expect(stage.actions.find((action) => action.type === "emit")?.measure).toMatchObject({ firstDeltaMs: 0 });
  });

  it("is idle only when nothing is open or due", () => {
    const stage = new Stage([target("de", 1)]);
    expect(stage.session.idle).toBe(true);
    stage.say("on");
    expect(stage.session.idle).toBe(false);
    stage.say("e. ");
    expect(stage.session.idle).toBe(false);
    stage.settle();
    expect(stage.session.idle).toBe(true);
    expect(stage.session.pendingCharacters).toBe(0);
  });

  it("reads values and terms through placeholders, and writes them as the target has them", () => {
    const words = (stage: Stage) => stage.finals("de").map(({ text }) => text);
    const stage = new Stage([target("de", 2, 160, [], CARRYING), target("fr", 2, 160)]);
    stage.say("The wo").settle();
    stage.say("rd in 1,25").settle();
    stage.say("0.5 and x12, the word (42).\n").tell({ type: "end" }).settle();
    expect(words(stage)).toEqual(["das Wort in 1.250,5 and x12, das Wort (42)."]);
    expect(stage.finals("fr").map(({ text }) => text)).toEqual(["The word in 1,250.5 and x12, the word (42)."]);
    expect(
      stage
        .deltas()
        .filter(({ target }) => target === "de")
        .map(({ text, read }) => [text, read]),
    ).toEqual([
      ["das Wort", 3],
      [" in 1.250,5 and x12, das Wort (42).", 9],
    ]);
    const many = new Stage([target("de", 1, 160, [], CARRYING)]);
    many.say("10 11 12 13 14 1,000 1,000").tell({ type: "end" }).settle();
    expect(words(many)).toEqual(["10 11 12 13 14 1,000 1,000"]);
  });

  const text = fc
    .array(
      fc.constantFrom(
        "the",
        "word",
        "Mr",
        "in",
        "42",
        "1.5",
        "don't",
        ". ",
        "? ",
        ", ",
        " ",
        " ",
        "\n",
        "über",
        "日。",
      ),
      {
        maxLength: 80,
      },
    )
    .map((parts) => parts.join(""));

  it("gives the same segments and the same text however the text was cut and the engine took turns", () => {
    fc.assert(
      fc.property(
        text,
        fc.array(fc.record({ characters: fc.integer({ min: 1, max: 20 }), steps: fc.nat(3), choice: fc.nat(9) }), {
          minLength: 1,
          maxLength: 30,
        }),
        fc.constantFrom<Wait>(1, 3, "full"),
        fc.constantFrom(20, 160),
        fc.integer({ min: 1, max: 8 }),
        fc.constantFrom<number[]>([], [13], [13, 5]),
        fc.constantFrom(undefined, CARRYING),
        (text, cuts, wait, maxSourceTokens, maxRowTokens, prefix, carrying) => {
          const de = () => target("de", wait, maxSourceTokens, prefix, carrying);
          const targets = () => [de(), target("fr", 2, maxSourceTokens)];
          const whole = new Stage(targets());
          whole.say(text).tell({ type: "end" }).settle();
          const cut = new Stage(targets(), { limits: { maxOpenSegments: 1 + (maxRowTokens % 3) } });
          cut.maxRowTokens = maxRowTokens;
          for (let start = 0, turn = 0; start < text.length; turn++) {
            const { characters, steps, choice } = cuts[turn % cuts.length];
            cut.say(text.slice(start, start + characters));
            for (let step = 0; step < steps; step++) cut.step(choice);
            start += characters;
          }
          cut.tell({ type: "end" }).settle();
          const told = (stage: Stage, language: string) =>
            stage.finals(language).map(({ segment, source, text }) => ({ segment, source, text }));
          for (const language of ["de", "fr"]) expect(told(cut, language)).toEqual(told(whole, language));
          checkStream(cut);
          checkStream(whole);
          expect(cut.messages.at(-1)).toMatchObject({ type: "done", segments: told(whole, "de").length });
        },
      ),
      { numRuns: 200 },
    );
  });
});

/** What a client may rely on. */
function checkStream(stage: Stage): void {
  const texts = new Map<string, string>();
  const nextFinal = new Map<string, number>();
  let seq = 0;
  for (const message of stage.messages) {
    if (message.type !== "delta" && message.type !== "final") continue;
    expect(message.seq).toBe(++seq);
    const { target, segment } = message;
    expect(segment).toBe(nextFinal.get(target) ?? 0);
    const before = texts.get(target) ?? "";
    if (message.type === "delta") {
      expect(message.text).not.toBe("");
      if (before === "") expect(message.text).not.toMatch(/^\s/);
      texts.set(target, before + message.text);
    } else {
      expect(message.text).toBe(before);
      texts.set(target, "");
      nextFinal.set(target, segment + 1);
    }
  }
}
