import { afterEach, describe, expect, it } from "vitest";
import type { Caller } from "../admission/caller.ts";
import { ProtocolError } from "../protocol/protocol-error.ts";
import type { SessionMessage } from "../session/session-event.ts";
import { type MemoryClient, MemoryTransport } from "../transport/memory-transport.ts";
import { DEFAULT_TRANSPORT_SETTINGS } from "../transport/transport.ts";
import { RoomView } from "./room-view.testing.ts";
import { Rooms, type RoomsOptions } from "./rooms.ts";

const ANYONE: Caller = { address: "192.0.2.1", holder: undefined };
const delta = (text: string, segment = 0): SessionMessage => ({
  ...{ type: "delta", segment, target: "de", text, read: 1, seq: 1 },
});
const final = (text: string, segment = 0): SessionMessage => ({
  ...{ type: "final", segment, target: "de", source: "s", text, start: 0, end: 1, seq: 1 },
});

let closing: (() => Promise<void>) | undefined;
afterEach(async () => {
  await closing?.();
  closing = undefined;
});

function setUp(options: Partial<RoomsOptions> = {}) {
  let now = 1_000;
  const counted = { delivered: 0, dropped: 0 };
  const rooms: Rooms = new Rooms({
    enabled: true,
    maxViewers: 100,
    addressViewers: 0,
    keptLines: 10,
    keepMs: 60_000,
    admit: ({ origin, peer }) => {
      if (origin === "http://elsewhere") throw new ProtocolError("forbidden_origin", "not from there");
      return { address: peer, holder: undefined };
    },
    publish: (topic, frame) => transport.publish(topic, frame),
    clock: () => now,
    epoch: () => "e",
    onDelivered: (viewers) => {
      counted.delivered += viewers;
    },
    onDropped: () => {
      counted.dropped += 1;
    },
    ...options,
  });
  const transport: MemoryTransport = new MemoryTransport(
    {
      connect: () => ({ message: () => {}, closed: () => {} }),
      watch: (connection, request) => rooms.watch(connection, request),
      respond: () => Promise.reject(new Error("not part of this test")),
    },
    { ...DEFAULT_TRANSPORT_SETTINGS, topicBacklogMaxBytes: 1_000, closeTimeoutMs: 10 },
  );
  closing = () => rooms.close(100);
  const speak = (room: string | undefined, caller = ANYONE, targets = ["de"]) => {
    const told: SessionMessage[] = [];
    const closes: number[] = [];
    const callbacks = {
      emit: (message: SessionMessage) => void told.push(message),
      close: (code: number) => void closes.push(code),
    };
    return { ...rooms.publishing(room, { caller, source: "en", targets }, callbacks), told, closes };
  };
  const watch = (room: string, query = "target=de", shown = {}) => transport.watch(`/v1/rooms/${room}`, query, shown);
  const state = (room: string) => {
    const request = {
      method: "GET",
      path: `/v1/rooms/${room}`,
      query: "",
      header: () => "",
      peer: "",
      body: undefined,
    };
    const signal = new AbortController().signal;
    const shown = { query: "", authorization: "", origin: "", forwardedFor: "", peer: "" };
    return rooms.respond({ ...request, signal }, shown);
  };
  return { rooms, counted, speak, watch, state, pass: (ms: number) => (now += ms) };
}

function viewOf({ frames }: MemoryClient): RoomView {
  const view = new RoomView();
  for (const frame of frames) view.receive(frame);
  return view;
}

const errorOf = ({ frames }: MemoryClient) => JSON.parse(frames[0]);
const refused = (field: string, message: RegExp) =>
  expect.objectContaining({ code: "bad_request", field, message: expect.stringMatching(message) });

describe("Rooms", () => {
  it("publish what a session says, and leave the session its own messages", () => {
    const { rooms, counted, speak, watch } = setUp();
    const [early, other] = [watch("hall"), watch("other")];
    const { emit, told, close } = speak("hall");
    emit(delta("Guten Tag"));
    emit(final("Guten Tag."));
    emit({ type: "done", segments: 1, words: 2, duration: 1 });
    expect(told.map(({ type }) => type)).toEqual(["delta", "final", "done"]);
    expect(viewOf(early)).toMatchObject({ lines: ["Guten Tag."], live: true, troubles: [] });
    expect(viewOf(other)).toMatchObject({ text: "", live: false });
    expect([rooms.live, rooms.viewers, counted.delivered]).toEqual([1, 2, 3]);
    close(1000);
    expect([rooms.live, viewOf(early).live]).toEqual([0, false]);
    expect(viewOf(watch("hall")).lines).toEqual(["Guten Tag."]);
  });

  it("let a speaker that comes again take its room over, and nobody else", () => {
    const { speak, watch } = setUp();
    const first = speak("hall");
    first.emit(delta("Gut"));
    expect(() => speak("hall", { address: "192.0.2.2", holder: undefined })).toThrow(refused("room", /another stream/));
    const second = speak("hall");
    expect([first.told.at(-1), first.closes]).toMatchObject([
      { type: "error", code: "bad_request", fatal: true },
      [1008],
    ]);
    first.emit(delta("en Morgen"));
    first.aborted?.();
    second.emit(delta("Guten Tag"));
    expect(viewOf(watch("hall"))).toMatchObject({ text: "Guten Tag", live: true });
  });

  it("keep a room for the key that spoke there, wherever it comes from", () => {
    const { rooms, speak, pass } = setUp();
    const of = (key: string, address = "192.0.2.1"): Caller => ({ address, holder: { key } });
    const first = speak("hall", of("theatre"));
    expect(() => speak("hall", of("other"))).toThrow(refused("room", /another key/));
    speak("hall", of("theatre", "198.51.100.7")).close(1000);
    expect(first.closes).toEqual([1008]);
    expect(() => speak("hall", of("other"))).toThrow(refused("room", /another key/));
    pass(60_000);
    rooms.beat();
    speak("hall", of("other"));
  });

  it("send who comes again what it missed, and no more", () => {
    const { speak, watch } = setUp();
    const { emit } = speak("hall");
    emit(final("Eins."));
    const first = viewOf(watch("hall"));
    emit(final("Zwei.", 1));
    emit(delta("Drei", 2));
    const again = watch("hall", `target=de&after=${first.place}`);
    expect(again.frames.map((frame) => JSON.parse(frame).text)).toEqual([undefined, "Zwei.", "Drei"]);
    expect(viewOf(watch("hall", "target=de&after=other.5")).text).toBe("Eins.|Zwei.|Drei");
  });

  it("cut off a viewer that does not read, and hold up nobody", () => {
    const { rooms, counted, speak, watch } = setUp();
    const [slow, quick] = [watch("hall"), watch("hall")];
    slow.pause();
    const { emit } = speak("hall");
    for (let segment = 0; segment < 40; segment++) emit(final(`Satz ${segment}, lang genug für den Test.`, segment));
    expect(viewOf(quick).lines).toHaveLength(40);
    slow.resume();
    expect([slow.closed, counted.dropped, rooms.viewers]).toEqual([{ code: 1013, reason: "slow_consumer" }, 1, 1]);
    // It comes again, and has what it missed as far as that is kept.
    const view = viewOf(slow);
    expect(view.troubles).toEqual([]);
    expect(viewOf(watch("hall", `target=de&after=${view.place}`)).segments.at(-1)).toBe(39);
  });

  it("refuse viewers that are too many, from elsewhere, or at no room", async () => {
    const { watch } = setUp({ maxViewers: 3, addressViewers: 2 });
    for (let count = 0; count < 2; count++) expect(watch("hall").closed).toBeUndefined();
    const fourth = watch("hall");
    await Promise.resolve();
    expect([errorOf(fourth).code, fourth.closed]).toEqual(["rate_limited", { code: 1013, reason: "rate_limited" }]);
    const third = watch("hall", "", { peer: "192.0.2.9" });
    expect(errorOf(watch("hall", "", { peer: "192.0.2.10" })).code).toBe("overloaded");
    third.close();
    expect(watch("hall", "", { peer: "192.0.2.10" }).closed).toBeUndefined();
    expect(errorOf(watch("hall", "", { origin: "http://elsewhere" })).code).toBe("forbidden_origin");
    expect(errorOf(watch("Big Hall"))).toMatchObject({ code: "bad_request", field: "room" });
    expect(errorOf(watch("hall", `target=${"x".repeat(65)}`))).toMatchObject({ code: "bad_request", field: "target" });
  });

  it("are not there where they are turned off", () => {
    const { speak, watch } = setUp({ enabled: false });
    expect(() => speak("hall")).toThrow(refused("room", /no rooms/));
    expect(errorOf(watch("hall")).code).toBe("bad_request");
    expect(speak(undefined).told).toEqual([]);
  });

  it("answer what a room is, whether or not anybody is there", () => {
    const { speak, watch, state } = setUp();
    expect(JSON.parse(String(state("hall").body))).toEqual({ room: "hall", live: false, targets: [], viewers: 0 });
    speak("hall", ANYONE, ["de", "fr"]);
    watch("hall");
    expect(JSON.parse(String(state("hall").body))).toEqual({
      ...{ room: "hall", live: true, source: "en", targets: ["de", "fr"], viewers: 1 },
    });
    expect(state("Big%20Hall").status).toBe(404);
  });

  it("send their viewers away when the server goes", async () => {
    const { rooms, watch } = setUp();
    const viewer = watch("hall");
    await rooms.close(100);
    expect([viewer.closed?.code, JSON.parse(viewer.frames.at(-1) ?? "").code]).toEqual([1001, "shutting_down"]);
    expect(rooms.viewers).toBe(0);
  });
});
