import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ROOM_HISTORY_BYTES } from "../protocol/limits.ts";
import type { RoomMessage } from "../protocol/room-messages.ts";
import { Room } from "./room.ts";
import type { SpokenMessage } from "./room-track.ts";
import { RoomView } from "./room-view.testing.ts";

const delta = (segment: number, text: string, target = "de"): SpokenMessage => ({
  ...{ type: "delta", segment, target, text },
});
const final = (segment: number, text: string, target = "de"): SpokenMessage => ({
  ...{ type: "final", segment, target, text, source: text.toUpperCase() },
});

function setUp(keptLines = 50, epoch = "e") {
  let now = 1_000;
  const views = new Map<string, Set<RoomView>>();
  const published: RoomMessage[] = [];
  const room = new Room("hall", {
    epoch,
    keptLines,
    clock: () => now++,
    publish: (_room, target, message) => {
      published.push(message);
      for (const view of views.get(target) ?? []) view.take(message);
    },
  });
  const join = (target: string, view = new RoomView()) => {
    const [epochOf, seq] = view.place.split(".");
    for (const message of room.watch(target, { epoch: epochOf, seq: Number(seq) })) view.take(message);
    views.set(target, (views.get(target) ?? new Set()).add(view));
    return view;
  };
  const leave = (target: string, view: RoomView) => {
    views.get(target)?.delete(view);
    room.unwatch(target);
  };
  return { room, join, leave, published, pass: (ms: number) => (now += ms) };
}

describe("Room", () => {
  it("tells each language to those who watch it, with times and numbers of its own", () => {
    const { room, join, published } = setUp();
    room.open("en", ["de", "fr"]);
    const [german, french] = [join("de"), join("fr")];
    published.length = 0;
    room.take(delta(0, "Guten"));
    room.take(delta(0, "Bon", "fr"));
    room.take(delta(0, " Tag"));
    room.take(final(0, "Guten Tag"));
    expect(published).toEqual([
      { type: "delta", segment: 0, target: "de", seq: 1, text: "Guten", at: expect.any(Number) },
      { type: "delta", segment: 0, target: "fr", seq: 1, text: "Bon", at: expect.any(Number) },
      { type: "delta", segment: 0, target: "de", seq: 2, text: " Tag", at: expect.any(Number) },
      {
        type: "final",
        segment: 0,
        target: "de",
        seq: 3,
        text: "Guten Tag",
        source: "GUTEN TAG",
        ...{ start: 1_000, end: 1_003 },
      },
    ]);
    expect([german.text, french.text]).toEqual(["Guten Tag", "Bon"]);
    expect([german.live, german.targets, german.sources]).toEqual([true, ["de", "fr"], ["GUTEN TAG"]]);
  });

  it("shows who comes late the last lines and what is open", () => {
    const { room, join } = setUp(2);
    room.open("en", ["de"]);
    for (const segment of [0, 1, 2, 3]) room.take(final(segment, `Satz ${segment}.`));
    room.take(delta(4, "Und"));
    room.take(delta(4, " dann"));
    const late = join("de");
    expect(late.text).toBe("Satz 2.|Satz 3.|Und dann");
    room.take(final(4, "Und dann."));
    expect([late.text, late.troubles]).toEqual(["Satz 2.|Satz 3.|Und dann.", []]);
    expect(join("fr").text).toBe("");
  });

  it("sends no more of the past than a viewer's backlog may hold", () => {
    const { room, join } = setUp(1_000);
    room.open("en", ["de"]);
    for (let segment = 0; segment < 200; segment++) room.take(final(segment, "ü".repeat(1_000)));
    const late = join("de");
    const bytes = Buffer.byteLength(late.lines.join(""));
    expect(bytes).toBeLessThan(ROOM_HISTORY_BYTES);
    expect(bytes).toBeGreaterThan(ROOM_HISTORY_BYTES / 4);
    expect(late.segments.at(-1)).toBe(199);
  });

  it("goes on with its numbers when another session speaks, and takes back what the last one left open", () => {
    const { room, join } = setUp();
    room.open("en", ["de"]);
    const view = join("de");
    room.take(final(0, "Eins."));
    room.take(delta(1, "Zw"));
    room.leave();
    // What was said stays on the screens while nobody speaks.
    expect([view.text, view.live]).toEqual(["Eins.|Zw", false]);
    room.open("en", ["de"]);
    expect(view.text).toBe("Eins.");
    room.take(delta(0, "Zwei"));
    room.take(final(0, "Zwei."));
    expect([view.text, view.segments, view.troubles]).toEqual(["Eins.|Zwei.", [0, 2], []]);
  });

  it("tells who has not chosen a language what there is", () => {
    const { room, join } = setUp();
    const waiting = join("");
    expect([waiting.live, waiting.targets]).toEqual([false, []]);
    room.open("en", ["de", "fr"]);
    room.take(delta(0, "Guten"));
    expect([waiting.live, waiting.targets, waiting.text]).toEqual([true, ["de", "fr"], ""]);
  });

  it("is forgotten when nobody needs it", () => {
    const { room, join, leave, pass } = setUp();
    expect(room.forgettable(500)).toBe(true);
    const view = join("de");
    expect(room.forgettable(500)).toBe(false);
    leave("de", view);
    room.open("en", ["de"]);
    expect(room.forgettable(0)).toBe(false);
    room.leave();
    expect(room.forgettable(500)).toBe(false);
    pass(500);
    expect(room.forgettable(500)).toBe(true);
  });

  it("loses no line and shows none twice, whoever comes, goes and comes again", () => {
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.constant("delta" as const) },
      { weight: 3, arbitrary: fc.constant("final" as const) },
      fc.constantFrom("speaker" as const, "join" as const, "away" as const, "back" as const),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(step, fc.nat(3)), { maxLength: 120 }), (steps) => {
        const { room, join, leave } = setUp(200);
        room.open("en", ["de"]);
        const here = new Set([join("de")]);
        const away = new Set<RoomView>();
        const said: string[] = [];
        const open = new Map<number, string>();
        let segment = 0;
        for (const [kind, pick] of steps) {
          if (kind === "delta") {
            open.set(segment, `${open.get(segment) ?? ""}${pick}`);
            room.take(delta(segment, `${pick}`));
          } else if (kind === "final") {
            const text = `${open.get(segment) ?? ""}.`;
            room.take(final(segment, text));
            said.push(text);
            open.delete(segment++);
          } else if (kind === "speaker") {
            room.leave();
            room.open("en", ["de"]);
            open.clear();
            segment = 0;
          } else if (kind === "join") here.add(join("de"));
          else {
            const [from, to] = kind === "away" ? [here, away] : [away, here];
            const view = [...from][pick];
            if (view === undefined) continue;
            from.delete(view);
            to.add(view);
            if (kind === "away") leave("de", view);
            else join("de", view);
          }
        }
        for (const view of away) join("de", view);
        for (const view of [...here, ...away]) {
          expect(view.troubles).toEqual([]);
          expect(view.text).toBe([...said, ...open.values()].join("|"));
        }
      }),
      { numRuns: 150 },
    );
  });
});
