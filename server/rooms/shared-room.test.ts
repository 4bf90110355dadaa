import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RelayHub } from "./relay-hub.testing.ts";
import { Room } from "./room.ts";
import type { SpokenMessage } from "./room-track.ts";
import { RoomView } from "./room-view.testing.ts";
import { SharedRoom } from "./shared-room.ts";

const ANYONE = { address: "192.0.2.1", holder: undefined };
const delta = (segment: number, text: string): SpokenMessage => ({ type: "delta", segment, target: "de", text });
const final = (segment: number, text: string): SpokenMessage => ({
  ...{ type: "final", segment, target: "de", text, source: "s" },
});
/** Until all that was told has come, and been answered. */
const settle = async () => {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
};

let clock = 1_000;

/** A server that knows one room. */
function server(hub: RelayHub, epoch: string, refuses?: string) {
  const views: RoomView[] = [];
  const room = new Room("hall", {
    epoch,
    keptLines: 50,
    clock: () => clock,
    publish: (_room, target, message) => {
      if (target === "de") for (const view of views) view.take(message);
    },
  });
  const relay = hub.join();
  const given: object[] = [];
  const giveUp = (claimant: object) => {
    given.push(claimant);
    return refuses;
  };
  const shared = new SharedRoom({ room, relay, server: epoch, clock: () => clock, giveUp });
  relay.onUp = () => shared.reachable();
  const open = async () => {
    const reason = await shared.claim(ANYONE);
    if (reason !== undefined) return reason;
    room.open("en", ["de"]);
    shared.state();
    return undefined;
  };
  const say = (message: SpokenMessage) => shared.line(room.take(message));
  const watch = () => {
    const view = new RoomView();
    for (const message of room.watch("de")) view.take(message);
    views.push(view);
    return view;
  };
  return { room, shared, given, open, say, watch };
}

describe("SharedRoom", () => {
  it("shows viewers of every server what is said on one, and who comes late the last lines", async () => {
    const hub = new RelayHub();
    const [one, other] = [server(hub, "a"), server(hub, "b")];
    const early = other.watch();
    await one.open();
    one.say(final(0, "Eins."));
    one.say(delta(1, "Zw"));
    await settle();
    expect([early.text, early.live, early.troubles]).toEqual(["Eins.|Zw", true, []]);
    const third = server(hub, "c");
    await settle();
    const late = third.watch();
    one.say(delta(1, "ei"));
    one.say(final(1, "Zwei."));
    await settle();
    expect([early.lines, late.lines]).toEqual([
      ["Eins.", "Zwei."],
      ["Eins.", "Zwei."],
    ]);
    one.room.leave();
    one.shared.state();
    await settle();
    expect([early.live, late.live, late.troubles]).toEqual([false, false, []]);
  });

  it("counts the viewers of all servers", async () => {
    const hub = new RelayHub();
    const [one, other] = [server(hub, "a"), server(hub, "b")];
    other.watch();
    other.watch();
    other.shared.beat();
    await settle();
    expect([one.shared.viewersElsewhere, other.shared.viewersElsewhere]).toEqual([2, 0]);
    clock += 15_000;
    expect(one.shared.viewersElsewhere).toBe(0);
  });

  it("hands the room to the server that its speaker comes to, lines and numbers and all", async () => {
    const hub = new RelayHub();
    const [one, other] = [server(hub, "a"), server(hub, "b")];
    const [here, there] = [one.watch(), other.watch()];
    await one.open();
    one.say(final(0, "Eins."));
    one.say(delta(1, "Zw"));
    await settle();
    await other.open();
    other.say(final(0, "Zwei."));
    await settle();
    expect(one.given).toEqual([{ kind: "claim", address: "192.0.2.1" }]);
    expect([one.shared.owns, other.shared.owns]).toEqual([false, true]);
    for (const view of [here, there]) {
      expect([view.lines, view.segments, view.troubles]).toEqual([["Eins.", "Zwei."], [0, 2], []]);
    }
  });

  it("does not hand it to who may not have it", async () => {
    const hub = new RelayHub();
    const [one, other] = [server(hub, "a", "another stream speaks"), server(hub, "b")];
    await one.open();
    expect(await other.open()).toBe("another stream speaks");
    expect([one.shared.owns, other.shared.owns]).toEqual([true, false]);
  });

  it("goes on where its speaker is while the servers cannot reach each other, and the others catch up", async () => {
    const hub = new RelayHub();
    const [one, other] = [server(hub, "a"), server(hub, "b")];
    const [here, there] = [one.watch(), other.watch()];
    await one.open();
    one.say(final(0, "Eins."));
    await settle();
    hub.up = false;
    one.say(final(1, "Zwei."));
    one.say(delta(2, "Dr"));
    clock += 15_000;
    other.shared.beat();
    await settle();
    expect([here.text, there.text, here.live, there.live]).toEqual(["Eins.|Zwei.|Dr", "Eins.", true, false]);
    hub.up = true;
    await settle();
    expect([there.text, there.live]).toEqual(["Eins.|Zwei.|Dr", true]);
    one.say(final(2, "Drei."));
    await settle();
    expect([here.lines, there.lines]).toEqual([here.lines, here.lines]);
    expect([here.lines.length, here.troubles, there.troubles]).toEqual([3, [], []]);
  });

  it("goes on where a server died, with numbers that it cannot have used", async () => {
    const hub = new RelayHub();
    const [one, other] = [server(hub, "a"), server(hub, "b")];
    const view = other.watch();
    await one.open();
    one.say(final(0, "Eins."));
    await settle();
    one.shared.close();
    await other.open();
    other.say(final(0, "Zwei."));
    expect([view.lines, view.troubles]).toEqual([["Eins.", "Zwei."], []]);
    expect(view.segments[1]).toBeGreaterThan(1_000);
  });

  it("loses nothing and shows nothing twice, however often the servers lose each other", async () => {
    const step = fc.oneof(
      { weight: 5, arbitrary: fc.constantFrom("delta" as const, "final" as const, "settle" as const) },
      fc.constantFrom("down" as const, "up" as const, "viewer" as const, "beat" as const),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const hub = new RelayHub();
        const [one, other] = [server(hub, "a"), server(hub, "b")];
        const views = [other.watch()];
        await one.open();
        let segment = 0;
        for (const kind of steps) {
          if (kind === "delta") one.say(delta(segment, "x"));
          else if (kind === "final") one.say(final(segment, `${"x".repeat(60)}${segment++}`));
          else if (kind === "viewer") views.push(other.watch());
          else if (kind === "settle") await settle();
          else if (kind === "beat") one.shared.beat();
          else hub.up = kind === "up";
        }
        hub.up = true;
        await settle();
        one.shared.beat();
        await settle();
        const direct = one.watch();
        for (const view of views) {
          expect(view.troubles.filter((trouble) => !trouble.includes("went back"))).toEqual([]);
          expect(view.text).toBe(direct.text);
        }
      }),
      { numRuns: 100 },
    );
  });
});
