// Connections cut wherever it may happen, on either side: what a client is told is what an uncut stream says, once.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { standInBundle } from "../../models/stand-in-bundle.ts";
import { StandInModel } from "../../models/stand-in-model.ts";
import { InProcessEngine } from "../engine/in-process-engine.ts";
import type { ServerMessage } from "../protocol/server-messages.ts";
import { serverMessageSchema } from "../protocol/server-messages.ts";
import { askedTargets } from "../session/asked-target.ts";
import { SessionRunner } from "../session/session-runner.ts";
import type { MemoryClient, MemoryTransport } from "./memory-transport.ts";
import { Resumables } from "./resumables.ts";
import { setUp, turn } from "./stream-stage.testing.ts";

const bundle = standInBundle();
const models = [
  { name: bundle.manifest.name, runner: new StandInModel({ vocabularySize: bundle.tokenizer.vocabularySize }) },
];

/** Streams with a real session and an engine in this thread. */
function serve(): MemoryTransport {
  const engine = new InProcessEngine({ models });
  return setUp({
    resumables: new Resumables({ graceMs: 1_000, keptBytes: 256 * 1024 }),
    openSession: (_pairs, { wait, timings }, callbacks) => {
      const targets = askedTargets([{ bundle, target: "de" }], { wait });
      return new SessionRunner({ settings: { source: "en", targets, timings }, engine, now: () => 0, ...callbacks });
    },
  }).transport;
}

type Step =
  /** The next message is sent; where it is lost, it does not arrive. */
  | { do: "say"; lost: boolean }
  /** The server does what it has to do. */
  | { do: "turn" }
  /** From here on nothing arrives at the client, until the next connection. */
  | { do: "deafen" }
  /**
   * The connection is cut; where it is half open, the server has not noticed when the client comes back. The client says so
   * many of its messages again that were read.
   */
  | { do: "cut"; halfOpen: boolean; again: number };

/** A client that keeps what it has said until it is told that it was read. */
class Client {
  readonly heard: ServerMessage[] = [];
  readonly #transport: MemoryTransport;
  readonly #script: readonly object[];
  #connection: MemoryClient;
  #session = "";
  /** Numbers of the last message of each side. */
  #said = 0;
  #last = 0;

  constructor(transport: MemoryTransport, script: readonly object[]) {
    this.#transport = transport;
    this.#script = script;
    this.#connection = transport.connect();
    this.#listen({ type: "start", source: "en", target: "de", wait: 2, resume: true });
  }

  get done(): boolean {
    return this.heard.at(-1)?.type === "done";
  }

  get saidAll(): boolean {
    return this.#said === this.#script.length;
  }

  say(lost = false): void {
    if (this.saidAll) return;
    this.#said += 1;
    if (!lost) this.#send(this.#said);
  }

  deafen(): void {
    this.#connection.pause();
  }

  cut(halfOpen: boolean, again = 0): void {
    const before = this.#connection;
    before.pause();
    if (!halfOpen) before.close(1006);
    this.#connection = this.#transport.connect();
    const received = this.#listen({ type: "resume", session: this.#session, seq: this.#last });
    for (let seq = Math.max(1, received + 1 - again); seq <= this.#said; seq++) this.#send(seq);
  }

  /** @returns what `ready` says was read */
  #listen(first: object): number {
    const connection = this.#connection;
    connection.onChange = () => {
      for (const frame of connection.frames.splice(0)) this.#hear(serverMessageSchema.parse(JSON.parse(frame)));
    };
    this.#received = -1;
    connection.send(JSON.stringify(first));
    expect(this.#received).toBeGreaterThanOrEqual(0);
    return this.#received;
  }
  #received = -1;

  #hear(message: ServerMessage): void {
    if (message.type === "ready") {
      this.#session = message.session;
      this.#received = message.received ?? -1;
      return;
    }
    if (message.type === "tentative") throw new Error("nobody asked for it");
    // In order, nothing twice, nothing left out.
    expect(message.seq).toBe(this.#last + 1);
    this.#last += 1;
    this.heard.push(message);
  }

  #send(seq: number): void {
    this.#connection.send(JSON.stringify({ ...this.#script[seq - 1], seq, received: this.#last }));
  }
}

/** What is said of the text, without what depends on when it was said. */
function translation(heard: readonly ServerMessage[]) {
  const deltas = heard.flatMap((message) => (message.type === "delta" ? [message.text] : []));
  const finals = heard.flatMap((message) => (message.type === "final" ? [[message.source, message.text]] : []));
  const others = heard.filter(({ type }) => type !== "delta" && type !== "final").map(({ type }) => type);
  return { text: deltas.join(""), finals, others };
}

async function play(script: readonly object[], steps: readonly Step[]) {
  const client = new Client(serve(), script);
  for (const step of steps) {
    if (client.done) break;
    if (step.do === "say") {
      client.say(step.lost);
      // What is lost is lost with its connection: nothing overtakes it.
      if (step.lost) client.cut(false);
    } else if (step.do === "turn") await turn();
    else if (step.do === "deafen") client.deafen();
    else client.cut(step.halfOpen, step.again);
  }
  if (!client.done) client.cut(false);
  while (!client.saidAll) client.say();
  for (let turns = 0; !client.done && turns < 10_000; turns++) await turn();
  return client.heard;
}

const messages = fc
  .array(
    fc.oneof(
      {
        weight: 8,
        arbitrary: fc
          .constantFrom("the word ", "in ", "a", "42. ", "end. ", "? ", "é ")
          .map((text) => ({ type: "text", text })),
      },
      { weight: 1, arbitrary: fc.constant({ type: "commit" }) },
      { weight: 1, arbitrary: fc.constant({ type: "ping" }) },
    ),
    { maxLength: 30 },
  )
  .map((said): object[] => [...said, { type: "end" }]);

const steps = fc.array(
  fc.oneof(
    { weight: 10, arbitrary: fc.record({ do: fc.constant("say" as const), lost: fc.boolean() }) },
    { weight: 6, arbitrary: fc.constant<Step>({ do: "turn" }) },
    { weight: 1, arbitrary: fc.constant<Step>({ do: "deafen" }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant("cut" as const), halfOpen: fc.boolean(), again: fc.nat(3) }) },
  ),
  { maxLength: 80 },
);

describe("a stream whose connections are cut", () => {
  it("says what an uncut one says, byte for byte, and nothing twice", async () => {
    await fc.assert(
      fc.asyncProperty(messages, steps, async (script, cuts) => {
        const whole = translation(await play(script, []));
        const cut = translation(await play(script, cuts));
        expect(cut).toEqual(whole);
        expect(cut.text).toBe(cut.finals.map(([, text]) => text).join(""));
        expect(cut.others.at(-1)).toBe("done");
      }),
      { numRuns: 100 },
    );
  });

  it("does so cut before and after every single message of either side", async () => {
    const script = [..."Where is the station? It is late. ".matchAll(/\S+ /g)].map(([text]) => ({
      type: "text",
      text,
    }));
    const all = [...script, { type: "end" }];
    const whole = translation(await play(all, []));
    expect(whole.finals.length).toBe(2);
    for (let at = 0; at <= all.length; at++) {
      for (const end of [
        [{ do: "cut", halfOpen: false, again: 0 }],
        [{ do: "cut", halfOpen: true, again: 9 }],
        [{ do: "say", lost: true }],
        [{ do: "deafen" }, { do: "turn" }, { do: "turn" }, { do: "cut", halfOpen: false, again: 0 }],
      ] as Step[][]) {
        const before = all.slice(0, at).flatMap((): Step[] => [{ do: "say", lost: false }, { do: "turn" }]);
        expect(translation(await play(all, [...before, ...end]))).toEqual(whole);
      }
    }
  });
});
