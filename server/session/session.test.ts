import { describe, expect, it } from "vitest";
import { CARRYING, checkStream, Stage, target, tokenizer } from "./session-stage.testing.ts";

describe("Session", () => {
  it("tells what would follow, without a number, for the segment that is written now, and nothing twice", () => {
    const stage = new Stage([target("de", 1)]);
    const tail = (segment: number, text: string) =>
      stage.tell({ type: "tail", target: 0, segment, ids: text === "" ? [] : tokenizer.encode(text) });
    stage.say("the word").settle();
    tail(0, "in");
    tail(0, "in");
    tail(0, "");
    tail(0, "end");
    stage.say(" the").settle();
    tail(0, "end");
    stage.tell({ type: "commit" }).say("a ");
    tail(1, "and");
    stage.settle();
    tail(0, "end");
    const told = stage.messages.filter(({ type }) => type !== "final");
    expect(told.map((message) => "text" in message && [message.type, message.text])).toEqual([
      ["delta", "the"],
      ["tentative", " in"],
      ["tentative", ""],
      ["tentative", " end"],
      ["delta", " word"],
      ["tentative", " end"],
      ["delta", " the"],
      ["delta", "a"],
    ]);
    expect(stage.messages.find(({ type }) => type === "tentative")).toEqual({
      ...{ type: "tentative", segment: 0, target: "de", text: " in" },
    });
    checkStream(stage);
  });

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

  it("reads of hypotheses what two agree on, and the last whole at commit and end", () => {
    const stage = new Stage([target("de", 1)]);
    const revise = (text: string, at?: number) => stage.tell({ type: "revise", text, at }).settle();
    revise("the wor", 100);
    revise("the word in", 200);
    expect(stage.deltas().map(({ text }) => text)).toEqual(["the"]);
    expect(stage.session.idle).toBe(false);
    revise("the word in order", 300);
    stage.tell({ type: "commit" }).settle();
    expect(stage.finals()).toMatchObject([{ text: "the word in order", start: 200, end: 300 }]);
    revise("and");
    stage.tell({ type: "end" }).settle();
    expect(stage.finals().map(({ text }) => text)).toEqual(["the word in order", "and"]);
    expect(stage.messages.at(-1)).toMatchObject({ type: "done", segments: 2 });
  });

  it("cuts a hypothesis into sentences, and keeps what was read when a later one says otherwise", () => {
    const stage = new Stage([target("de", 1)]);
    const hypotheses = [
      "one two. three",
      "one two. three",
      "one too. three",
      "one too. three four",
      "one too. three four",
    ];
    for (const text of hypotheses) stage.tell({ type: "revise", text }).settle();
    stage.tell({ type: "commit" }).settle();
    expect(stage.finals().map(({ text }) => text)).toEqual(["one two.", "three four"]);
    expect(stage.messages.filter(({ type }) => type === "notice")).toMatchObject([{ code: "contradicted" }]);
  });

  it("refuses text among hypotheses, and the other way round, until commit", () => {
    const stage = new Stage([target("de", 1)]);
    stage.tell({ type: "revise", text: "one" }).say("two");
    stage.tell({ type: "commit" }).say("three").tell({ type: "revise", text: "four" });
    const refusal = { type: "error", code: "bad_request", field: "type", fatal: false };
    expect(stage.messages).toMatchObject([refusal, refusal]);
    stage.tell({ type: "commit" }).tell({ type: "revise", text: "five" }).tell({ type: "end" }).settle();
    expect(stage.finals().map(({ text }) => text)).toEqual(["one", "three", "five"]);
    stage.tell({ type: "revise", text: "six" });
    expect(stage.session.closed).toBe(true);
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

  it("names the target that failed, where there are several", () => {
    const stage = new Stage([target("de", 9), target("fr", 9)]);
    stage.say("one");
    const failure = { code: "internal" as const, message: "broken" };
    stage.tell({ type: "failure", target: 1, segment: 0, failure });
    expect(stage.messages).toEqual([{ type: "error", code: "internal", message: "broken", target: "fr", fatal: true }]);
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
});
