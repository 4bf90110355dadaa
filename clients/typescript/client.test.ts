import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { connect, type SouffleurClient } from "./client.ts";
import type { ClientOptions, StreamMessage } from "./client-options.ts";
import { ServerDouble, translationOf } from "./server-double.testing.ts";
import { Transcript } from "./transcript.ts";

const TEXT = "The old harbour is closed today. All ships wait outside for the tide. Nobody knows how long it takes. ";
const words = TEXT.split(/(?<= )/);

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const settings = { url: "ws://server", source: "en", target: "de" } satisfies ClientOptions;
const quick = { firstDelayMs: 20, maxDelayMs: 100 };

/** Runs a promise while time goes on. */
async function timed<Value>(promise: Promise<Value>): Promise<Value> {
  let isOver = false;
  const over = promise.finally(() => {
    isOver = true;
  });
  over.catch(() => {});
  for (let ms = 0; !isOver && ms < 600_000; ms += 10) await vi.advanceTimersByTimeAsync(10);
  if (!isOver) throw new Error("nothing came in ten minutes");
  return over;
}

async function open(server: ServerDouble, options: Partial<ClientOptions> = {}) {
  return timed(connect({ ...settings, WebSocket: server.Socket, reconnect: quick, ...options }));
}

/** All that a program is told, and the text it makes of it. */
function follow(client: SouffleurClient) {
  const transcript = new Transcript();
  const messages: StreamMessage[] = [];
  const over = (async () => {
    for await (const message of client) {
      messages.push(message);
      transcript.take(message);
    }
  })();
  over.catch(() => {});
  return { transcript, messages, over };
}

describe("a stream", () => {
  it("is opened with its settings, takes text and gives its translation", async () => {
    const server = new ServerDouble();
    const client = await open(server, { wait: 3, glossary: [{ source: "a", target: "b" }], key: "k" });
    expect(server.lines[0].url).toMatch(/^ws:\/\/server\/v1\/stream\?affinity=[a-z0-9]{6,}$/);
    expect(server.lines[0].messages).toEqual([
      {
        ...{ type: "start", source: "en", target: "de", wait: 3, glossary: [{ source: "a", target: "b" }] },
        ...{ key: "k", resume: true },
      },
    ]);
    const { transcript, messages, over } = follow(client);
    for (const word of words) await client.send(word);
    const done = await timed(client.end());
    expect(done.segments).toBe(3);
    await over;
    expect(transcript.text()).toBe(translationOf(TEXT));
    expect(messages.at(-1)?.type).toBe("done");
    expect(client.state).toBe("closed");
    await expect(client.send("more")).rejects.toMatchObject({ code: "closed" });
  });

  it("keeps what came before somebody reads", async () => {
    const client = await open(new ServerDouble());
    await client.send(TEXT);
    await timed(client.end());
    const { transcript, over } = follow(client);
    await over;
    expect(transcript.text()).toBe(translationOf(TEXT));
  });

  it("tells listeners, each by its own name", async () => {
    const client = await open(new ServerDouble());
    const finals: string[] = [];
    let deltas = 0;
    client.on("final", ({ text }) => finals.push(text));
    const stop = client.on("delta", () => {
      deltas += 1;
    });
    await client.send("One. Two. ");
    await vi.advanceTimersByTimeAsync(100);
    stop();
    await client.send("Three. ");
    await timed(client.end());
    expect([finals, deltas]).toEqual([["ONE.", "TWO.", "THREE."], 2]);
  });

  it("says hypotheses, and does not mix them with text", async () => {
    const server = new ServerDouble();
    const client = await open(server);
    await client.revise("the old", { at: 10 });
    await client.revise("the old harbour", { stable: 7, at: 20 });
    await expect(client.send("x")).rejects.toMatchObject({ code: "mixed" });
    await expect(client.revise("x".repeat(10_001))).rejects.toMatchObject({ code: "too_long" });
    await expect(client.revise("x", { stable: 2 })).rejects.toThrow(RangeError);
    await expect(client.revise("x", { at: -1 })).rejects.toThrow(RangeError);
    await client.commit();
    await client.send("is closed. ");
    await timed(client.end());
    expect(server.lines[0].messages.slice(1).map(({ seq, received, ...message }) => message)).toEqual([
      { type: "revise", text: "the old", at: 10 },
      { type: "revise", text: "the old harbour", stable: 7, at: 20 },
      { type: "commit" },
      { type: "text", text: "is closed. " },
      { type: "end" },
    ]);
  });

  it("says what would follow, which the next message takes away", async () => {
    const server = new ServerDouble();
    const client = await open(server, { tentative: true });
    expect(server.lines[0].messages[0]).toMatchObject({ tentative: true });
    const { transcript } = follow(client);
    const shown = () => transcript.segments.map(({ text, tentative }) => [text, tentative]);
    await client.send("One. Two three ");
    await vi.advanceTimersByTimeAsync(50);
    server.session.guess(" FOUR");
    await vi.advanceTimersByTimeAsync(50);
    expect(shown()).toEqual([
      ["ONE.", ""],
      ["TWO", " FOUR"],
    ]);
    server.restart();
    server.delayMs = 1;
    await client.send("four ");
    await vi.advanceTimersByTimeAsync(200);
    server.session.guess(" NINE");
    await vi.advanceTimersByTimeAsync(50);
    expect(transcript.segments.at(-1)).toMatchObject({ segment: 1, text: "TWO THREE", tentative: " NINE" });
    await timed(client.end());
    expect(shown().at(-1)).toEqual(["TWO THREE FOUR", ""]);
  });
});

describe("after a lost connection", () => {
  it("goes on with the same session, nothing lost and nothing twice", async () => {
    const server = new ServerDouble();
    const client = await open(server);
    const { transcript, messages, over } = follow(client);
    const states: string[] = [];
    client.on("state", ({ state }) => states.push(state));
    for (const [index, word] of words.entries()) {
      await client.send(word);
      await vi.advanceTimersByTimeAsync(7);
      if (index % 4 === 3) server.cut();
    }
    await timed(client.end());
    await over;
    expect(server.sessions.length).toBe(1);
    expect(server.lines.length).toBeGreaterThan(3);
    expect(server.session.heard).toBe(TEXT);
    // A balancer leads all of them to the same server.
    expect(new Set(server.lines.map(({ url }) => url)).size).toBe(1);
    expect(transcript.text()).toBe(translationOf(TEXT));
    expect(messages.filter(({ type }) => type === "delta").length).toBe(words.length);
    expect(states[0]).toBe("waiting");
    expect(states.slice(-2)).toEqual(["open", "closed"]);
  });

  it("tells a server that lost the session what has no final, and shows none of it twice", async () => {
    const server = new ServerDouble();
    const client = await open(server);
    const { transcript, messages, over } = follow(client);
    for (const [index, word] of words.entries()) {
      await client.send(word);
      await vi.advanceTimersByTimeAsync(13);
      if (index % 6 === 4) server.restart();
    }
    await timed(client.end());
    await over;
    expect(server.sessions.length).toBeGreaterThan(2);
    expect(transcript.text()).toBe(translationOf(TEXT));
    expect(transcript.segments.map(({ segment }) => segment)).toEqual([0, 1, 2]);
    expect(messages.filter(({ type }) => type === "delta").length).toBe(words.length);
    expect(messages.filter(({ type }) => type === "withdrawn")).toEqual([]);
  });

  it("withdraws what another model would have said otherwise", async () => {
    const server = new ServerDouble();
    const client = await open(server);
    const { transcript, messages } = follow(client);
    await client.send("one two three ");
    await vi.advanceTimersByTimeAsync(100);
    expect(transcript.text()).toBe("ONE TWO");
    const translate = String.prototype.toUpperCase;
    vi.spyOn(String.prototype, "toUpperCase").mockImplementation(function (this: string) {
      return this === "two" ? "DEUX" : translate.call(this);
    });
    server.restart();
    await timed(client.end());
    vi.restoreAllMocks();
    expect(messages.filter(({ type }) => type === "withdrawn").length).toBe(1);
    expect(transcript.text()).toBe("ONE DEUX THREE");
  });

  it("says a hypothesis again without what was finished of it", async () => {
    const server = new ServerDouble();
    const client = await open(server);
    const { transcript, over } = follow(client);
    await client.revise("One here. Two");
    await client.commit();
    await vi.advanceTimersByTimeAsync(100);
    await client.revise("Three there. Four");
    await client.commit();
    server.restart();
    await timed(client.end());
    await over;
    expect(server.session.heard.trim()).toBe("Three there. Four");
    expect(transcript.text()).toBe("ONE HERE. TWO THREE THERE. FOUR");
  });

  it("gives up after the time it was given, with the reason", async () => {
    const server = new ServerDouble();
    const client = await open(server, { reconnect: { ...quick, giveUpMs: 3_000 } });
    const { over } = follow(client);
    server.isAway = true;
    server.cut();
    await expect(timed(over)).rejects.toMatchObject({ code: "lost" });
    await expect(client.commit()).rejects.toMatchObject({ code: "closed" });
  });

  it("does not come back where that was not asked for", async () => {
    const server = new ServerDouble();
    const client = await open(server, { reconnect: false });
    server.cut();
    await expect(timed(client.end())).rejects.toMatchObject({ code: "lost" });
  });

  it("finds a connection that died without a word", async () => {
    const server = new ServerDouble();
    const client = await open(server, { pingMs: 1_000 });
    await vi.advanceTimersByTimeAsync(5_000);
    expect(server.lines.length).toBe(1);
    server.onMessage = (_, line) => line === server.lines[0];
    await client.send("Hello. ");
    await timed(client.end());
    expect(server.lines.length).toBe(2);
    expect(server.session.heard).toBe("Hello. ");
  });

  it("waits as long as the server asks, and fetches a token for every connection", async () => {
    const server = new ServerDouble();
    let tokens = 0;
    const client = await open(server, { token: async () => `token-${++tokens}` });
    server.onMessage = (message, line) => {
      if (message.type !== "resume") return false;
      const overloaded = { type: "error", code: "overloaded", message: "full", fatal: true, retryAfter: 5 };
      line.toClient(overloaded);
      line.end(1013);
      return true;
    };
    const waits: number[] = [];
    client.on("state", ({ retryInMs, reason }) => reason?.code === "overloaded" && waits.push(retryInMs ?? 0));
    server.cut();
    await vi.advanceTimersByTimeAsync(1_000);
    server.onMessage = undefined;
    await timed(client.end());
    expect(waits).toEqual([5_000]);
    expect(server.lines.map(({ messages }) => messages[0].key)).toEqual(["token-1", "token-2", "token-3"]);
  });
});

describe("what is refused", () => {
  it("is an error at the start, with the field", async () => {
    const server = new ServerDouble();
    server.onMessage = (_, line) => {
      line.toClient({ type: "error", code: "bad_request", message: "wait must be", field: "wait", fatal: false });
      return true;
    };
    await expect(open(server)).rejects.toMatchObject({ code: "bad_request", field: "wait" });
    server.isAway = true;
    await expect(open(server)).rejects.toMatchObject({ code: "connection" });
  });

  it("ends the stream where the server says so for good", async () => {
    const server = new ServerDouble();
    const client = await open(server);
    const { over } = follow(client);
    server.session.say({ type: "error", code: "unauthorized", message: "this key was taken back", fatal: true });
    server.line?.end(1008);
    await expect(timed(over)).rejects.toMatchObject({ code: "unauthorized", message: "this key was taken back" });
    expect(server.lines.length).toBe(1);
  });

  it("is told with the text that was not taken", async () => {
    const server = new ServerDouble();
    const client = await open(server);
    const { messages, over } = follow(client);
    server.onMessage = (message, line) => {
      if (message.text !== "two. ") return false;
      const { session } = line;
      if (session !== undefined) session.received += 1;
      session?.say({
        type: "error",
        code: "rate_limited",
        message: "slow",
        field: "text",
        fatal: false,
        retryAfter: 2,
      });
      return true;
    };
    for (const text of ["one. ", "two. ", "three. "]) {
      await client.send(text);
      await vi.advanceTimersByTimeAsync(50);
    }
    await timed(client.end());
    await over;
    const refusals = messages.filter((message) => message.type === "error");
    expect(refusals).toMatchObject([{ code: "rate_limited", retryAfter: 2, said: { type: "text", text: "two. " } }]);
    expect(server.session.heard).toBe("one. three. ");
  });

  it("ends the stream where the server cannot read a message: it would take nothing after it", async () => {
    const server = new ServerDouble();
    const client = await open(server);
    server.onMessage = (_, line) => {
      line.session?.say({ type: "error", code: "bad_message", message: "lag is not a known field", fatal: false });
      return true;
    };
    await client.send("one. ");
    await expect(timed(client.end())).rejects.toMatchObject({ code: "bad_message" });
  });

  it("is sent again where the server never looked at it", async () => {
    const server = new ServerDouble();
    const client = await open(server);
    let refusals = 0;
    server.onMessage = (message, line) => {
      if (message.text !== "two. " || refusals > 2) return false;
      refusals += 1;
      line.session?.say({ type: "error", code: "rate_limited", message: "slow", fatal: false, retryAfter: 1 });
      return true;
    };
    for (const text of ["one. ", "two. ", "three. ", "four. "]) {
      await client.send(text);
      await vi.advanceTimersByTimeAsync(1);
    }
    await timed(client.end());
    expect(refusals).toBe(3);
    expect(server.session.heard).toBe("one. two. three. four. ");
  });
});

describe("backpressure", () => {
  it("holds text back where much has no final, and makes send wait where the buffer is full", async () => {
    const server = new ServerDouble();
    const client = await open(server, { bufferCharacters: 10_000 });
    // No final comes for it: a segment of the double has no greatest length.
    const book = Array.from({ length: 12 }, () => `${"w".repeat(99)} `.repeat(20));
    let sent = 0;
    const sending = (async () => {
      for (const page of book) {
        await client.send(page);
        sent += 1;
      }
    })();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(server.session.heard.length).toBeLessThanOrEqual(10_000);
    expect(sent).toBeLessThan(book.length);
    server.session.take({ type: "commit" });
    for (let round = 0; round < 10; round += 1) {
      await vi.advanceTimersByTimeAsync(100);
      server.session.take({ type: "commit" });
    }
    await timed(sending);
    await timed(client.end());
    expect(server.session.heard).toBe(book.join(""));
  });

  it("refuses what nobody awaits", async () => {
    const server = new ServerDouble();
    const client = await open(server, { bufferCharacters: 10 });
    server.cut();
    await vi.advanceTimersByTimeAsync(1);
    const calls = Array.from({ length: 1_100 }, () => client.send("0123456789"));
    const results = Promise.allSettled(calls);
    client.close();
    const codes = (await results).map((one) => (one.status === "rejected" ? one.reason.code : "sent"));
    expect(codes.filter((code) => code === "buffer_full").length).toBeGreaterThan(90);
    expect(codes.filter((code) => code === "closed").length).toBe(1_000);
  });
});

describe("a signal", () => {
  it("ends everything with its reason", async () => {
    const server = new ServerDouble();
    const controller = new AbortController();
    const client = await open(server, { signal: controller.signal });
    const { over } = follow(client);
    const ended = client.end();
    controller.abort(new Error("enough"));
    await expect(ended).rejects.toThrow("enough");
    await expect(over).rejects.toThrow("enough");
    await expect(open(server, { signal: controller.signal })).rejects.toThrow("enough");
    expect(server.lines.every(({ readyState }) => readyState === 3)).toBe(true);
  });
});

describe("whatever happens in whatever order", () => {
  const happening = fc.oneof(
    { weight: 8, arbitrary: fc.record({ type: fc.constant("say" as const), words: fc.integer({ min: 1, max: 9 }) }) },
    { weight: 1, arbitrary: fc.record({ type: fc.constant("commit" as const) }) },
    { weight: 2, arbitrary: fc.record({ type: fc.constant("cut" as const) }) },
    { weight: 1, arbitrary: fc.record({ type: fc.constant("restart" as const) }) },
    { weight: 6, arbitrary: fc.record({ type: fc.constant("time" as const), ms: fc.integer({ min: 1, max: 120 }) }) },
  );
  const vocabulary = ["the ", "ships ", "wait ", "outside. ", "Nobody ", "knows! ", " ", "long, "];

  it("every word is translated once, in order", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(happening, { maxLength: 40 }),
        fc.constantFrom<string | string[]>("de", ["de", "fr"]),
        fc.boolean(),
        async (happenings, target, resumes) => {
          vi.useFakeTimers();
          const server = new ServerDouble();
          server.resumes = resumes;
          const client = await open(server, { target });
          const { transcript, messages, over } = follow(client);
          let said = "";
          for (const one of happenings) {
            if (one.type === "say") {
              const start = said.length % vocabulary.length;
              const text = Array.from({ length: one.words }, (_, index) => vocabulary[(start + index * 3) % 8]).join(
                "",
              );
              said += text;
              await client.send(text);
            } else if (one.type === "commit") await client.commit();
            else if (one.type === "cut") server.cut();
            else if (one.type === "restart") server.restart();
            else await vi.advanceTimersByTimeAsync(one.ms);
          }
          await timed(client.end());
          await over;
          for (const language of [target].flat()) {
            expect(transcript.text(language).replace(/\s+/g, " ")).toBe(translationOf(said, language));
            const deltas = messages.flatMap((one) =>
              one.type === "delta" && one.target === language ? [one.text] : [],
            );
            expect(deltas.join(" ").match(/\S+/g) ?? []).toEqual(translationOf(said, language).match(/\S+/g) ?? []);
          }
          expect(messages.filter(({ type }) => type === "withdrawn")).toEqual([]);
        },
      ),
      { numRuns: 150 },
    );
  });
});
