import { describe, expect, it } from "vitest";
import { Admission } from "../admission/admission.ts";
import { ApiKeys, makeKey } from "../admission/api-keys.ts";
import { NO_LIMITS } from "../admission/budget.ts";
import { Tokens } from "../admission/tokens.ts";
import { Visit } from "../admission/visit.ts";
import { OUTBOX_MAX_BYTES } from "../protocol/limits.ts";
import { ProtocolError } from "../protocol/protocol-error.ts";
import type { ReadyMessage } from "../protocol/server-messages.ts";
import type { SessionMessage } from "../session/session-event.ts";
import type { MemoryClient } from "./memory-transport.ts";
import { Resumables } from "./resumables.ts";
import type { StreamHost } from "./stream-host.ts";
import { final, messages, OPEN_TO_ALL, START, say, setUp, turn } from "./stream-stage.testing.ts";

const QUERY = "source=en&target=de&resume=true";
const GRACE_MS = 30_000;

function stage(overrides: Partial<StreamHost> = {}, admission?: Admission, keptBytes = 100_000) {
  const resumables = new Resumables({ graceMs: GRACE_MS, keptBytes });
  return { ...setUp({ resumables, ...overrides }, admission), resumables };
}

const ready = (client: MemoryClient) =>
  messages(client).find((message): message is ReadyMessage => message.type === "ready")!;
const sessionOf = (client: MemoryClient) => ready(client).session;
/** What a client is told, without its first message. */
const told = (client: MemoryClient) => messages(client).slice(1);

function resume(client: MemoryClient, lost: MemoryClient, seq: number, more = {}): void {
  say(client, { type: "resume", session: sessionOf(lost), seq, ...more });
}

describe("a stream that can be resumed", () => {
  it("says so in ready, numbers all that it says and tells what it has read", () => {
    const { transport, sessions } = stage();
    const client = transport.connect(QUERY);
    expect(messages(client)[0]).toMatchObject({
      ...{ session: expect.stringMatching(/^session-0\.[\w-]{22}$/), resumeGraceMs: GRACE_MS, received: 0 },
    });
    say(client, { type: "text", text: "one ", seq: 1 });
    say(client, { type: "ping", id: 1, seq: 2 });
    client.send("{");
    sessions[0].emit(final(0));
    sessions[0].emit({ type: "notice", code: "contradicted", message: "m" });
    say(client, { type: "end", seq: 3 });
    expect(
      told(client).map((message) => [
        message.type,
        "seq" in message && message.seq,
        "received" in message && message.received,
      ]),
    ).toEqual([
      ["pong", 1, 2],
      ["error", 2, 2],
      ["final", 3, 2],
      ["notice", 4, 2],
      ["done", 5, 3],
    ]);
  });

  it("is like any other where it was not asked for, or the server has none", () => {
    const { transport } = stage();
    const off = stage({ resumables: new Resumables({ graceMs: 0, keptBytes: 1_000 }) });
    for (const client of [transport.connect("source=en&target=de"), off.transport.connect(QUERY)]) {
      expect(messages(client)[0]).toMatchObject({ session: "session-0" });
      expect(messages(client)[0]).not.toHaveProperty("resumeGraceMs");
      for (const seq of [7, 7, 3]) say(client, { type: "ping", seq, received: 99 });
      expect(told(client)).toEqual([{ type: "pong" }, { type: "pong" }, { type: "pong" }]);
      client.close(1006);
      expect(client.closed?.code).toBe(1006);
    }
  });

  it("numbers and keeps nothing that does not stand, and says it to nobody who is away or behind", () => {
    const { transport, sessions } = stage();
    const client = transport.connect(`${QUERY}&tentative=true`);
    const tentative = (text: string) =>
      sessions[0].emit({ type: "tentative", segment: 0, target: "de", text } as const);
    tentative("a");
    sessions[0].emit(final(0));
    client.pause();
    sessions[0].emit({ ...final(1), source: "x".repeat(10_000) } as SessionMessage);
    tentative("b");
    client.resume();
    client.close(1006);
    tentative("c");
    const next = transport.connect();
    resume(next, client, 1);
    tentative("d");
    const seen = (one: MemoryClient) =>
      told(one).map((message) => [message.type, "seq" in message ? message.seq : "text" in message && message.text]);
    expect(seen(client)).toEqual([
      ["tentative", "a"],
      ["final", 1],
      ["final", 2],
    ]);
    expect(seen(next)).toEqual([
      ["final", 2],
      ["tentative", "d"],
    ]);
  });

  it("takes each message of the client once, and none before one that is missing", () => {
    const { transport, sessions } = stage();
    const client = transport.connect(QUERY);
    say(client, { type: "text", text: "one ", seq: 1 });
    say(client, { type: "text", text: "one ", seq: 1 });
    say(client, { type: "text", text: "three ", seq: 3 });
    say(client, { type: "text", text: "zero ", seq: 0 });
    say(client, { type: "text", text: "two ", seq: 2, received: 1 });
    say(client, { type: "text", text: "three ", seq: 3 });
    expect(sessions[0].calls).toEqual(["text one ", "text two ", "text three "]);
    expect(told(client)).toMatchObject([
      { code: "bad_request", field: "seq", fatal: false, seq: 1, received: 1 },
      { code: "bad_request", field: "seq", fatal: false, seq: 2, received: 1 },
    ]);
  });

  it("goes on over another connection, with what the first had not got", async () => {
    const { transport, sessions, streams, closes, disconnects, resumables } = stage();
    const lost = transport.connect(QUERY);
    say(lost, { type: "text", text: "one ", seq: 1 });
    sessions[0].emit(final(0));
    lost.pause();
    sessions[0].emit(final(1));
    lost.close(1006);
    sessions[0].emit(final(2));
    expect([resumables.waiting, streams[0].detached, disconnects]).toEqual([1, true, [1006]]);
    const next = transport.connect("affinity=some-key");
    resume(next, lost, 1);
    say(next, { type: "text", text: "one ", seq: 1 });
    say(next, { type: "text", text: "two ", seq: 2 });
    sessions[0].emit(final(3));
    expect(messages(next)).toMatchObject([
      { ...ready(lost), received: 1 },
      { type: "final", segment: 1, seq: 2 },
      { type: "final", segment: 2, seq: 3 },
      { type: "final", segment: 3, seq: 4, received: 2 },
    ]);
    expect(sessions[0].calls).toEqual(["text one ", "text two "]);
    expect([resumables.waiting, closes.filter(({ id }) => id === "session-0")]).toEqual([0, []]);
    next.close(1000);
    expect(closes.at(-1)).toEqual({ id: "session-0", code: 1000, outcome: "left" });
    expect(sessions[0].calls.at(-1)).toBe("abort");
  });

  it("closes the connection that it had, where the client came back before that was noticed", async () => {
    const { transport, sessions, errors } = stage();
    const half = transport.connect(QUERY);
    half.pause();
    sessions[0].emit(final(0));
    const next = transport.connect();
    resume(next, half, 0);
    say(half, { type: "text", text: "from nobody", seq: 1 });
    half.resume();
    await turn();
    expect(told(half).at(-1)).toMatchObject({ type: "error", code: "taken_over", fatal: true });
    expect(told(half).at(-1)).not.toHaveProperty("seq");
    expect(half.closed).toEqual({ code: 1008, reason: "taken_over" });
    expect(told(next)).toMatchObject([{ type: "final", seq: 1 }]);
    expect(sessions[0].calls).toEqual([]);
    expect(errors).toEqual(["taken_over"]);
    say(next, { type: "text", text: "from its client", seq: 1 });
    expect(sessions[0].calls).toEqual(["text from its client"]);
  });

  it("ends when its client does not come back in time, or says that it will not", async () => {
    const { transport, sessions, streams, closes, clock } = stage();
    const late = transport.connect(QUERY);
    const gone = [1000, 1005].map((code) => [transport.connect(QUERY), code] as const);
    for (const [client, code] of gone) client.close(code);
    expect(closes.map(({ id, code }) => [id, code])).toEqual([
      ["session-1", 1000],
      ["session-2", 1005],
    ]);
    late.close(1006);
    clock.ms = GRACE_MS - 1;
    streams[0].check();
    expect(sessions[0].calls).toEqual([]);
    clock.ms = GRACE_MS;
    streams[0].check();
    expect(sessions[0].calls).toEqual(["abort"]);
    expect(closes.at(-1)).toEqual({ id: "session-0", code: 1006, outcome: "left" });
    const next = transport.connect();
    resume(next, late, 0);
    expect(messages(next)).toMatchObject([{ type: "error", code: "resume_failed", fatal: false }]);
    say(next, START);
    expect(told(next)).toMatchObject([{ type: "ready" }]);
    expect(next.closed).toBeUndefined();
  });

  it("gives the last words of a stream that ended while nobody heard them", async () => {
    const { transport, sessions, closes, resumables, clock } = stage();
    const lost = transport.connect(QUERY);
    say(lost, { type: "end", seq: 1 });
    lost.close(1006);
    await turn();
    expect(closes).toEqual([{ id: "session-0", code: 1006, outcome: "done" }]);
    const next = transport.connect();
    resume(next, lost, 0);
    await turn();
    expect(told(next)).toMatchObject([{ type: "done", seq: 1, received: 1 }]);
    expect(next.closed?.code).toBe(1000);
    const silent = transport.connect(QUERY);
    silent.close(1006);
    sessions[1].fail();
    await turn();
    const after = transport.connect();
    resume(after, silent, 0);
    await turn();
    expect(told(after)).toMatchObject([{ type: "error", code: "internal", fatal: true, seq: 1 }]);
    expect(after.closed?.code).toBe(1011);
    clock.ms = GRACE_MS;
    resumables.sweep(clock.ms);
    expect(resumables.find(sessionOf(lost))).toBeUndefined();
  });

  it("cannot be gone on with where too much was missed, and is not kept for nothing", async () => {
    const { transport, sessions, closes } = stage({}, undefined, 400);
    const lost = transport.connect(QUERY);
    for (let segment = 0; segment < 20; segment++) sessions[0].emit(final(segment));
    lost.close(1006);
    const wrong = transport.connect();
    resume(wrong, lost, 21);
    expect(messages(wrong)).toMatchObject([{ code: "resume_failed" }]);
    expect(closes.filter(({ id }) => id === "session-0")).toHaveLength(1);
    const other = transport.connect(QUERY);
    other.close(1006);
    for (let segment = 0; segment < 20; segment++) sessions[1].emit(final(segment));
    await turn();
    expect(sessions[1].calls).toEqual(["abort"]);
    const next = transport.connect();
    resume(next, other, 0);
    expect(messages(next)).toMatchObject([{ code: "resume_failed" }]);
  });

  it("outlives a connection on which nothing is read", async () => {
    const { transport, sessions, streams, clock, disconnects } = stage({}, undefined, 512 * 1024);
    const slow = transport.connect(QUERY);
    slow.pause();
    sessions[0].emit(final(0));
    for (clock.ms = 0; clock.ms <= 6_000; clock.ms += 1_000) streams[0].check();
    slow.resume();
    await turn();
    expect(told(slow).at(-1)).toMatchObject({ code: "slow_consumer", fatal: true });
    expect(slow.closed?.code).toBe(1013);
    expect([streams[0].detached, disconnects]).toEqual([true, [1013]]);
    clock.ms += GRACE_MS - 3_000;
    streams[0].check();
    const next = transport.connect();
    resume(next, slow, 0);
    expect(told(next)).toMatchObject([{ type: "final", seq: 1 }]);
    next.pause();
    const text = "x".repeat(OUTBOX_MAX_BYTES / 4);
    for (let seq = 1; seq < 6; seq++) sessions[0].emit({ type: "delta", segment: 0, target: "de", text, read: 1, seq });
    next.resume();
    await turn();
    expect(next.closed?.code).toBe(1013);
  });

  it("is not idle while its client is away, but ends when its key is taken back", () => {
    const { key, record } = makeKey("studio");
    const keys = new ApiKeys([record]);
    const resumables = new Resumables({ graceMs: 1e6, keptBytes: 1_000 });
    const { transport, streams, closes, clock } = setUp(
      { resumables },
      new Admission({ ...OPEN_TO_ALL, verifiers: [keys] }),
    );
    transport.connect(QUERY, { authorization: `Bearer ${key}` }).close(1006);
    clock.ms = 200_000;
    streams[0].check();
    expect(closes).toEqual([]);
    keys.replace([]);
    streams[0].check();
    expect(closes).toMatchObject([{ id: "session-0", outcome: "error" }]);
  });

  it("ends at once when the server drains and its client is away", () => {
    const { transport, streams, sessions, closes, resumables } = stage();
    const lost = transport.connect(QUERY);
    sessions[0].idle = false;
    lost.close(1006);
    streams[0].drain();
    expect(sessions[0].calls).toEqual(["abort"]);
    expect(closes).toEqual([{ id: "session-0", code: 1006, outcome: "drained" }]);
    expect(resumables.find(sessionOf(lost))).toBeUndefined();
  });
});

describe("who may resume", () => {
  const studio = makeKey("studio");
  const other = makeKey("other");
  const keys = new ApiKeys([studio.record, other.record]);
  const tokens = new Tokens(Buffer.alloc(32, 7), () => 0);
  const closed = () => new Admission({ ...OPEN_TO_ALL, verifiers: [tokens, keys] });
  const bearer = (key: string) => ({ authorization: `Bearer ${key}` });

  it("is who has the session's whole name: its id, which logs have, is not enough", () => {
    const { transport, sessions } = stage();
    const lost = transport.connect(QUERY);
    sessions[0].emit(final(0));
    lost.close(1006);
    const name = sessionOf(lost);
    const wrong = [name.split(".")[0], "session-0.", `${name}.`, `session-0.${"A".repeat(22)}`, "nobody.x", "a.b.c"];
    for (const session of wrong) {
      const thief = transport.connect();
      say(thief, { type: "resume", session, seq: 0 });
      expect(messages(thief)).toMatchObject([{ type: "error", code: "resume_failed" }]);
    }
    const owner = transport.connect();
    resume(owner, lost, 0);
    expect(told(owner)).toHaveLength(1);
  });

  it("is who has the same key, or a token of it that is for these languages", async () => {
    const { transport, sessions } = stage({}, closed());
    const lost = transport.connect(QUERY, bearer(studio.key));
    sessions[0].emit(final(0));
    lost.close(1006);
    const thief = transport.connect("", bearer(other.key));
    resume(thief, lost, 0);
    expect(messages(thief)).toMatchObject([{ code: "resume_failed", fatal: false }]);
    const keyless = transport.connect();
    resume(keyless, lost, 0);
    const french = transport.connect(`token=${tokens.issue({ key: "studio" }, 60, { target: ["fr"] })}`);
    resume(french, lost, 0);
    const wrong = transport.connect();
    resume(wrong, lost, 0, { key: "nobody" });
    await turn();
    for (const client of [keyless, french, wrong]) {
      expect(messages(client)).toMatchObject([{ code: "unauthorized", fatal: true }]);
      expect(client.closed?.code).toBe(1008);
    }
    const german = transport.connect(`token=${tokens.issue({ key: "studio" }, 60, { target: ["de"] })}`);
    resume(german, lost, 0);
    expect(told(german)).toMatchObject([{ type: "final" }]);
    const later = transport.connect();
    resume(later, german, 1, { key: studio.key });
    expect(messages(later)).toMatchObject([{ type: "ready" }]);
  });

  it("needs no place for one more stream, where there is none", async () => {
    const keyLimits = { ...NO_LIMITS, sessionsAtOnce: 1, sessionsPerMinute: 2 };
    const { transport, streams, clock } = stage({}, new Admission({ ...OPEN_TO_ALL, verifiers: [keys], keyLimits }));
    const first = transport.connect(QUERY, bearer(studio.key));
    let last = first;
    for (let times = 0; times < 5; times++) {
      const next = transport.connect("", bearer(studio.key));
      expect(next.closed).toBeUndefined();
      // Two cannot wait for one place.
      const third = transport.connect("", bearer(studio.key));
      resume(next, last, 0);
      await turn();
      expect(messages(third)).toMatchObject([{ code: "rate_limited", fatal: true }]);
      expect(messages(next)).toMatchObject([{ type: "ready" }]);
      last = next;
    }
    const starting = transport.connect("", bearer(studio.key));
    say(starting, START);
    const waiting = transport.connect("", bearer(studio.key));
    clock.ms = 10_000;
    for (const stream of streams) stream.check();
    await turn();
    for (const client of [starting, waiting])
      expect(messages(client)).toMatchObject([{ code: "rate_limited", fatal: true }]);
    last.close(1000);
    clock.ms = 60_000;
    expect(messages(transport.connect(QUERY, bearer(studio.key)))).toMatchObject([{ type: "ready" }]);
  });

  it("comes in where the server is full or late, as far as there are streams to resume", async () => {
    const admission = new Admission(OPEN_TO_ALL);
    const resumables = new Resumables({ graceMs: GRACE_MS, keptBytes: 1_000 });
    const full = { now: false };
    const { transport, clock } = setUp({
      resumables,
      admit: (request) => {
        const refusal = full.now ? new ProtocolError("overloaded", "all streams are taken") : undefined;
        if (refusal !== undefined && !resumables.mayHold) throw refusal;
        return new Visit(admission, request, () => clock.ms, refusal);
      },
    });
    const lost = transport.connect(QUERY);
    lost.close(1006);
    full.now = true;
    const next = transport.connect();
    const more = transport.connect();
    resume(next, lost, 0);
    expect(messages(next)).toMatchObject([{ type: "ready" }]);
    await turn();
    expect(more.closed).toEqual({ code: 1013, reason: "overloaded" });
    expect(resumables.held).toBe(0);
    const starting = transport.connect(QUERY);
    await turn();
    expect(starting.closed?.code).toBe(1013);
    expect(resumables.held).toBe(0);
  });
});
