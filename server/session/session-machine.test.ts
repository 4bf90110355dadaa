// Any order of events that a session can meet: what it says must still be a stream.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { openReader } from "../../models/carrying.ts";
import { standInTokenizer } from "../../models/stand-in-tokenizer.ts";
import { TargetStream } from "../../models/target-stream.ts";
import { Session } from "./session.ts";
import type { SessionAction, SessionEvent, SessionMessage } from "./session-event.ts";
import type { SessionTarget } from "./session-target.ts";

const tokenizer = standInTokenizer();

function target(language: string): SessionTarget {
  return {
    language,
    model: `en-${language}`,
    wait: 2,
    maxSourceTokens: 40,
    openSource: () => openReader(tokenizer, undefined),
    openTarget: (table) => new TargetStream(tokenizer, table),
  };
}

/** What the engine holds of a segment: it says each token back, when it is told to make a step. */
interface Held {
  target: number;
  segment: number;
  ids: number[];
  read: number;
  ended: boolean;
}

type Move =
  | { type: "event"; event: SessionEvent }
  /** The engine makes a step of one of its segments, with so many tokens. */
  | { type: "step"; which: number; tokens: number }
  | { type: "fail"; which: number };

const event = (one: SessionEvent): Move => ({ type: "event", event: one });

const moves = fc.array(
  fc.oneof(
    {
      weight: 8,
      arbitrary: fc
        .constantFrom("the ", "word", " and", ". ", "the end. ", "long ".repeat(30), "é", " ", "")
        .map((text) => event({ type: "text", text })),
    },
    {
      weight: 10,
      arbitrary: fc.record({
        type: fc.constant("step" as const),
        which: fc.nat(20),
        tokens: fc.integer({ min: 1, max: 9 }),
      }),
    },
    { weight: 2, arbitrary: fc.constant(event({ type: "commit" })) },
    { weight: 1, arbitrary: fc.constant(event({ type: "end" })) },
    { weight: 1, arbitrary: fc.constant(event({ type: "abort" })) },
    { weight: 1, arbitrary: fc.record({ type: fc.constant("fail" as const), which: fc.nat(20) }) },
  ),
  { maxLength: 80 },
);

/** Plays moves, then lets the engine finish what it has. */
function play(targets: SessionTarget[], played: readonly Move[]) {
  const session = new Session({ source: "en", targets }, 0);
  const held = new Map<string, Held>();
  const actions: SessionAction[] = [];
  let now = 0;
  const tell = (one: SessionEvent) => {
    for (const action of session.handle(one, ++now)) {
      actions.push(action);
      if (!("segment" in action)) continue;
      const { target: place, segment } = action;
      const key = `${place}/${segment}`;
      if (action.type === "open") {
        expect(held.has(key)).toBe(false);
        held.set(key, { target: place, segment, ids: [], read: 0, ended: false });
        continue;
      }
      // Only what is open is pushed to, ended or cancelled.
      const open = held.get(key);
      expect(open).toBeDefined();
      if (action.type === "push") open?.ids.push(...action.ids);
      if (action.type === "finish" && open) open.ended = true;
      if (action.type === "cancel") held.delete(key);
    }
  };
  const step = (one: Held | undefined, tokens: number) => {
    if (one === undefined) return;
    const ids = one.ids.slice(one.read, one.read + tokens);
    one.read += ids.length;
    const done = one.ended && one.read === one.ids.length;
    if (ids.length === 0 && !done) return;
    if (done) held.delete(`${one.target}/${one.segment}`);
    const output = { ids, tokensRead: one.read, needs: one.read, done, queueMs: 0, computeMs: 0, batchSize: 1 };
    tell({ type: "output", target: one.target, segment: one.segment, output });
  };
  const at = (which: number) => [...held.values()].at(which % Math.max(1, held.size));
  for (const move of played) {
    if (move.type === "event") tell(move.event);
    else if (move.type === "step") step(at(move.which), move.tokens);
    else {
      const one = at(move.which);
      if (one === undefined) continue;
      // Cancelling it once more does nothing.
      tell({ type: "failure", target: one.target, segment: one.segment, failure: { code: "internal", message: "no" } });
    }
  }
  for (let turns = 0; held.size > 0 && turns < 10_000; turns++) step(at(turns), 3);
  return { session, actions, held };
}

const messagesOf = (actions: readonly SessionAction[]): SessionMessage[] =>
  actions.flatMap((action) => (action.type === "emit" ? [action.message] : []));

describe("a session, whatever happens", () => {
  it("numbers what it says, writes finals that are their deltas, in order, and ends once", () => {
    fc.assert(
      fc.property(moves, fc.integer({ min: 1, max: 3 }), (played, count) => {
        const targets = ["de", "fr", "it"].slice(0, count).map(target);
        const { session, actions, held } = play(targets, played);
        const messages = messagesOf(actions);
        const numbers = messages.flatMap((message) => ("seq" in message ? [message.seq] : []));
        expect(numbers).toEqual(numbers.map((_, index) => index + 1));
        for (const { language } of targets) {
          const segments: number[] = [];
          let text = "";
          for (const message of messages) {
            if (!("target" in message) || message.target !== language) continue;
            if (message.type === "delta") text += message.text;
            if (message.type !== "final") continue;
            expect(message.text).toBe(text);
            segments.push(message.segment);
            text = "";
          }
          expect(segments).toEqual(segments.map((_, index) => index));
        }
        // Nothing follows the close, and a session that is over holds nothing in the engine.
        const close = actions.findIndex(({ type }) => type === "close");
        if (close >= 0) expect(close).toBe(actions.length - 1);
        if (session.closed) expect(held.size).toBe(0);
        const fatal = messages.filter(
          (message) => message.type === "done" || (message.type === "error" && message.fatal),
        );
        expect(fatal.length).toBeLessThanOrEqual(1);
      }),
      { numRuns: 100 },
    );
  });

  it("is done once it is told to end and nothing fails", () => {
    fc.assert(
      fc.property(moves, (played) => {
        const kind = ({ type }: Move) => type !== "fail";
        const calm = played.filter((move) => kind(move) && !(move.type === "event" && move.event.type === "abort"));
        const { session, actions } = play([target("de")], [...calm, event({ type: "end" })]);
        expect(session.closed).toBe(true);
        expect(messagesOf(actions).at(-1)?.type).toBe("done");
        expect(actions.at(-1)).toEqual({ type: "close", code: 1000 });
      }),
      { numRuns: 100 },
    );
  });
});
