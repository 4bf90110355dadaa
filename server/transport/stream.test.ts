import { describe, expect, it } from "vitest";
import { Admission } from "../admission/admission.ts";
import { ApiKeys, makeKey } from "../admission/api-keys.ts";
import { NO_LIMITS } from "../admission/budget.ts";
import {
  MESSAGES_BURST,
  MESSAGES_PER_SECOND,
  OUTBOX_MAX_BYTES,
  PAYLOAD_MAX_BYTES,
  REFUSED_IN_A_ROW_MAX,
} from "../protocol/limits.ts";
import { ProtocolError } from "../protocol/protocol-error.ts";
import { final, messages, OPEN_TO_ALL, START, say, setUp, turn } from "./stream-stage.testing.ts";

describe("Stream", () => {
  it("starts from the query string at once", () => {
    const { transport, settings } = setUp();
    const client = transport.connect("source=en&target=de&wait=5&timings=true");
    expect(messages(client)).toMatchObject([
      {
        type: "ready",
        session: "session-0",
        protocol: "souffleur.v1",
        model: "en-de",
        source: "en",
        target: "de",
        wait: 5,
      },
    ]);
    expect(settings).toMatchObject([{ model: "en-de", wait: 5, timings: true }]);
  });

  it("starts from start, with the model's own wait, and then hands messages over", () => {
    const { transport, sessions, settings } = setUp();
    const client = transport.connect();
    expect(client.frames).toEqual([]);
    say(client, START);
    say(client, { type: "text", text: "one " });
    say(client, { type: "text", text: "two", at: 40 });
    say(client, { type: "commit" });
    say(client, { type: "ping", id: "x" });
    expect(settings).toMatchObject([{ model: "en-de", wait: 3, timings: false }]);
    expect(sessions[0].calls).toEqual(["text one ", "text two at 40", "commit"]);
    expect(messages(client)).toMatchObject([
      { type: "ready", wait: 3 },
      { type: "pong", id: "x" },
    ]);
  });

  it("ends with done and 1000", async () => {
    const { transport, closes } = setUp();
    const client = transport.connect("source=en&target=de");
    say(client, { type: "end" });
    await turn();
    expect(messages(client)[1]).toEqual({ type: "done", segments: 2, words: 7, duration: 900 });
    expect(client.closed?.code).toBe(1000);
    expect(closes).toEqual([{ id: "session-0", code: 1000, outcome: "done" }]);
  });

  it("ends a stream that never started as well", async () => {
    const { transport } = setUp();
    const client = transport.connect();
    say(client, { type: "end" });
    await turn();
    expect(messages(client)).toEqual([{ type: "done", segments: 0, words: 0, duration: 0 }]);
    expect(client.closed?.code).toBe(1000);
  });

  it("tells of bad messages and goes on", () => {
    const { transport, sessions } = setUp();
    const client = transport.connect("source=en&target=de");
    client.send("{");
    client.send(new Uint8Array(3));
    say(client, { type: "text", text: 3 });
    say(client, START);
    say(client, { type: "text", text: "good" });
    expect(messages(client).slice(1)).toMatchObject([
      { type: "error", code: "bad_message", fatal: false },
      { type: "error", code: "bad_message", fatal: false },
      { type: "error", code: "bad_message", field: "text", fatal: false },
      { type: "error", code: "bad_request", field: "type", fatal: false },
    ]);
    expect(sessions[0].calls).toEqual(["text good"]);
  });

  it("closes on fatal errors, with the error first", async () => {
    const { transport, sessions } = setUp();
    const client = transport.connect("source=en&target=de");
    say(client, { type: "text", text: "x".repeat(PAYLOAD_MAX_BYTES) });
    say(client, { type: "text", text: "ignored" });
    await turn();
    expect(messages(client)[1]).toMatchObject({ type: "error", code: "too_large", fatal: true });
    expect(client.closed).toEqual({ code: 1009, reason: "too_large" });
    expect(sessions[0].calls).toContain("abort");
    expect(sessions[0].calls).not.toContain("text ignored");
  });

  it.each([
    ["source=en&target=xx", "unsupported_pair", "target"],
    ["source=en&target=de&wait=0", "bad_request", "wait"],
  ])("closes on the query string %s", async (query, code, field) => {
    const { transport } = setUp();
    const client = transport.connect(query);
    await turn();
    expect(messages(client)).toMatchObject([{ type: "error", code, field, fatal: true }]);
    expect(client.closed).toEqual({ code: 1008, reason: code });
  });

  it("opens one session for several targets, each with its model, and measures each pair by itself", () => {
    const measured: string[] = [];
    const { transport, sessions, settings, streams } = setUp({ onMeasure: (pair) => measured.push(pair) });
    const client = transport.connect("source=en&target=fr,de");
    expect(messages(client)).toMatchObject([
      { model: ["en-fr", "en-de"], source: "en", target: ["fr", "de"], wait: 5, limits: { segmentTokens: 99 } },
    ]);
    expect(settings).toMatchObject([{ model: "en-fr+en-de", wait: 5, timings: false }]);
    expect(streams[0].pair).toBe("en-fr+de");
    const measure = { type: "delta" as const, latencyMs: 1, queueMs: 1, computeMs: 1 };
    for (const target of ["de", "fr"]) {
      sessions[0].emit({ type: "delta", segment: 0, target, text: "a", read: 1, seq: 1 }, measure);
    }
    expect(measured).toEqual(["en-de", "en-fr"]);
    const one = transport.connect("");
    say(one, { ...START, target: ["de"] });
    expect(messages(one)).toMatchObject([{ model: "en-de", target: "de" }]);
  });

  it("lets start be corrected", () => {
    const { transport } = setUp();
    const client = transport.connect();
    say(client, { ...START, wait: 0 });
    say(client, START);
    expect(messages(client)).toMatchObject([{ type: "error", field: "wait", fatal: false }, { type: "ready" }]);
  });

  it("refuses streams in band", async () => {
    const { transport } = setUp({
      admit: () => {
        throw new ProtocolError("overloaded", "all streams are taken", { retryAfter: 5 });
      },
    });
    const client = transport.connect("source=en&target=de");
    await turn();
    expect(messages(client)).toMatchObject([{ type: "error", code: "overloaded", retryAfter: 5, fatal: true }]);
    expect(client.closed?.code).toBe(1013);
  });

  it("keeps one stream's fault from the others and its details from the client", async () => {
    const { transport, sessions, faults } = setUp();
    const bad = transport.connect("source=en&target=de");
    const good = transport.connect("source=en&target=de");
    sessions[0].throwOn = "poison";
    say(bad, { type: "text", text: "poison" });
    say(good, { type: "text", text: "fine" });
    await turn();
    expect(messages(bad)[1]).toMatchObject({ type: "error", code: "internal", fatal: true });
    expect(bad.frames.join()).not.toContain("secret");
    expect(bad.closed?.code).toBe(1011);
    expect(faults).toHaveLength(1);
    expect(good.closed).toBeUndefined();
    expect(sessions[1].calls).toEqual(["text fine"]);
  });

  it("closes with the error's code as the reason, whether the stream or its session failed", async () => {
    const { transport, sessions, closes } = setUp();
    const [stream, session] = [transport.connect("source=en&target=de"), transport.connect("source=en&target=de")];
    sessions[0].throwOn = "poison";
    say(stream, { type: "text", text: "poison" });
    sessions[1].fail();
    await turn();
    for (const client of [stream, session]) expect(client.closed).toEqual({ code: 1011, reason: "internal" });
    expect(closes.map(({ outcome }) => outcome)).toEqual(["error", "error"]);
  });

  it("closes a client that does not read", async () => {
    const { transport, sessions, closes } = setUp();
    const slow = transport.connect("source=en&target=de");
    const other = transport.connect("source=en&target=de");
    slow.pause();
    const text = "x".repeat(OUTBOX_MAX_BYTES / 4);
    for (let seq = 1; seq < 6; seq++) sessions[0].emit({ type: "delta", segment: 0, target: "de", text, read: 1, seq });
    slow.resume();
    await turn();
    expect(messages(slow).filter(({ type }) => type === "delta")).toHaveLength(3);
    const last = messages(slow).at(-1);
    expect(last).toMatchObject({ type: "error", code: "slow_consumer", fatal: true });
    expect(slow.closed?.code).toBe(1013);
    expect(sessions[0].calls).toEqual(["abort", "abort"]);
    expect(closes).toEqual([{ id: "session-0", code: 1013, outcome: "error" }]);
    expect(other.closed).toBeUndefined();
  });

  it("lets in who shows a key in the header or in start, and nobody else", async () => {
    const { key, record } = makeKey("studio");
    const { transport } = setUp({}, new Admission({ ...OPEN_TO_ALL, verifiers: [new ApiKeys([record])] }));
    const header = transport.connect("source=en&target=de", { authorization: `Bearer ${key}` });
    const start = transport.connect();
    say(start, { ...START, key });
    for (const client of [header, start]) expect(messages(client)).toMatchObject([{ type: "ready" }]);
    const wrong = [
      transport.connect("source=en&target=de"),
      transport.connect("", { authorization: "Bearer nobody" }),
      transport.connect(`key=${key}`),
      transport.connect(),
      transport.connect(),
    ];
    say(wrong[3], START);
    say(wrong[4], { ...START, key: "nobody" });
    await turn();
    for (const client of wrong) {
      expect(messages(client)).toMatchObject([{ type: "error", code: "unauthorized", fatal: true }]);
      expect(client.closed).toEqual({ code: 1008, reason: "unauthorized" });
    }
  });

  it("closes who shows no key in 10 seconds, and whose key is taken back", async () => {
    const { key, record } = makeKey("studio");
    const keys = new ApiKeys([record]);
    const { transport, streams, clock } = setUp({}, new Admission({ ...OPEN_TO_ALL, verifiers: [keys] }));
    const silent = transport.connect();
    const known = transport.connect("source=en&target=de", { authorization: `Bearer ${key}` });
    clock.ms = 9_999;
    for (const stream of streams) stream.check();
    expect(silent.frames).toEqual([]);
    clock.ms = 10_000;
    for (const stream of streams) stream.check();
    await turn();
    expect(messages(silent)).toMatchObject([{ code: "unauthorized", message: "no key came within 10 seconds" }]);
    expect(silent.closed?.code).toBe(1008);
    expect(known.closed).toBeUndefined();
    keys.replace([]);
    streams[1].check();
    await turn();
    expect(messages(known).at(-1)).toMatchObject({ code: "unauthorized", fatal: true });
  });

  it("refuses pages of other origins in band", async () => {
    const { transport } = setUp({}, new Admission({ ...OPEN_TO_ALL, allowedOrigins: ["https://talks.example"] }));
    const client = transport.connect("source=en&target=de", { origin: "https://evil.example" });
    await turn();
    expect(messages(client)).toMatchObject([{ type: "error", code: "forbidden_origin", fatal: true }]);
    expect(client.closed).toEqual({ code: 1008, reason: "forbidden_origin" });
  });

  it("closes a client that takes nothing of what waits for it", async () => {
    const { transport, sessions, streams, clock } = setUp();
    const slow = transport.connect("source=en&target=de");
    slow.pause();
    sessions[0].emit(final(0));
    clock.ms = 1_000;
    streams[0].check();
    clock.ms = 5_500;
    streams[0].check();
    slow.resume();
    sessions[0].emit(final(1));
    clock.ms = 9_000;
    streams[0].check();
    expect(messages(slow).map(({ type }) => type)).toEqual(["ready", "final", "final"]);
    slow.pause();
    sessions[0].emit(final(2));
    clock.ms = 10_000;
    streams[0].check();
    clock.ms = 14_001;
    streams[0].check();
    slow.resume();
    await turn();
    expect(messages(slow).at(-1)).toMatchObject({ code: "slow_consumer", fatal: true });
    expect(slow.closed).toEqual({ code: 1013, reason: "slow_consumer" });
  });

  it("takes so many messages a second, and gives up on who sends more and more", async () => {
    const { transport, sessions, clock } = setUp();
    const busy = transport.connect("source=en&target=de");
    const other = transport.connect("source=en&target=de");
    for (let count = 0; count < MESSAGES_BURST; count++) say(busy, { type: "ping" });
    say(busy, { type: "text", text: "one too many" });
    expect(messages(busy).at(-1)).toMatchObject({ code: "rate_limited", retryAfter: 1, fatal: false });
    clock.ms = 1_000;
    say(busy, { type: "text", text: "taken" });
    expect(sessions[0].calls).toEqual(["text taken"]);
    for (let count = 0; count < MESSAGES_PER_SECOND + REFUSED_IN_A_ROW_MAX; count++) say(busy, { type: "ping" });
    await turn();
    expect(busy.closed).toEqual({ code: 1013, reason: "rate_limited" });
    say(other, { type: "text", text: "fine" });
    expect(sessions[1].calls).toEqual(["text fine"]);
  });

  it("charges words to the key over all its streams, however they are cut into messages", async () => {
    const { key, record } = makeKey("studio");
    const keyLimits = { ...NO_LIMITS, wordsPerMinute: 6, sessionsAtOnce: 2 };
    const admission = new Admission({ ...OPEN_TO_ALL, verifiers: [new ApiKeys([record])], keyLimits });
    const { transport, sessions, clock } = setUp({}, admission);
    const shown = { authorization: `Bearer ${key}` };
    const [one, two] = [0, 1].map(() => transport.connect("source=en&target=de", shown));
    for (const part of ["th", "e tr", "ain is"]) say(one, { type: "text", text: part });
    say(two, { type: "text", text: "three more words" });
    say(one, { type: "text", text: " late" });
    expect(messages(one).at(-1)).toMatchObject({ code: "rate_limited", field: "text", retryAfter: 10, fatal: false });
    expect(sessions[0].calls).toHaveLength(3);
    clock.ms = 10_000;
    say(one, { type: "text", text: " late" });
    expect(sessions[0].calls.at(-1)).toBe("text  late");
    const third = transport.connect("", {});
    say(third, { ...START, key });
    await turn();
    expect(third.closed).toEqual({ code: 1013, reason: "rate_limited" });
    two.close();
    const fourth = transport.connect("source=en&target=de", shown);
    expect(messages(fourth)).toMatchObject([{ type: "ready" }]);
  });

  it("limits the new streams of an address, behind a trusted proxy that of each client", async () => {
    const addressLimits = { ...NO_LIMITS, sessionsPerMinute: 2 };
    const { transport, clock } = setUp({}, new Admission({ ...OPEN_TO_ALL, trustedProxies: 1, addressLimits }));
    const open = (forwardedFor: string) => transport.connect("source=en&target=de", { forwardedFor });
    const same = [0, 1, 2].map(() => open("203.0.113.5"));
    const other = open("6.6.6.6, 203.0.113.6");
    await turn();
    expect(same.map(({ closed }) => closed?.reason)).toEqual([undefined, undefined, "rate_limited"]);
    expect(messages(same[2])).toMatchObject([{ code: "rate_limited", retryAfter: 30, fatal: true }]);
    expect(other.closed).toBeUndefined();
    clock.ms = 30_000;
    expect(messages(open("203.0.113.5"))).toMatchObject([{ type: "ready" }]);
  });

  it("closes an idle stream, but not while something is owed", async () => {
    const { transport, streams, sessions, clock } = setUp();
    const client = transport.connect("source=en&target=de");
    clock.ms = 59_999;
    streams[0].check();
    say(client, { type: "ping" });
    clock.ms = 119_000;
    streams[0].check();
    sessions[0].idle = false;
    clock.ms = 200_000;
    streams[0].check();
    await turn();
    expect(client.closed).toBeUndefined();
    sessions[0].idle = true;
    streams[0].check();
    await turn();
    expect(messages(client).at(-1)).toMatchObject({ code: "idle_timeout", fatal: true });
    expect(client.closed?.code).toBe(1008);
  });

  it("drains: commits, sends the finals, refuses text, closes 1001", async () => {
    const { transport, streams, sessions, closes } = setUp();
    const client = transport.connect("source=en&target=de");
    say(client, { type: "text", text: "open" });
    sessions[0].idle = false;
    streams[0].drain();
    say(client, { type: "text", text: "more" });
    sessions[0].emit(final(0));
    await turn();
    expect(client.closed).toBeUndefined();
    sessions[0].emit(final(1));
    sessions[0].idle = true;
    await turn();
    await turn();
    expect(sessions[0].calls).toEqual(["text open", "commit", "abort", "abort"]);
    expect(messages(client).slice(1)).toMatchObject([
      { type: "error", code: "shutting_down", field: "text", fatal: false },
      { type: "final", segment: 0 },
      { type: "final", segment: 1 },
      { type: "error", code: "shutting_down", fatal: true },
    ]);
    expect(client.closed).toEqual({ code: 1001, reason: "shutting_down" });
    expect(closes).toEqual([{ id: "session-0", code: 1001, outcome: "drained" }]);
  });

  it("frees the session when the client leaves", () => {
    const { transport, sessions, closes } = setUp();
    const client = transport.connect("source=en&target=de");
    client.close(1001);
    sessions[0].emit(final(0));
    expect(sessions[0].calls).toEqual(["abort"]);
    expect(client.frames).toHaveLength(1);
    expect(closes).toEqual([{ id: "session-0", code: 1001, outcome: "left" }]);
  });
});
