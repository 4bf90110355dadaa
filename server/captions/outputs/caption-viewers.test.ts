import { describe, expect, it } from "vitest";
import type { Caption, CaptionScreen } from "../lines/caption.ts";
import { CaptionViewers, serverSentEvent, webSocketFrame } from "./caption-viewers.ts";

const screen = (target: string, ...lines: string[]): CaptionScreen => ({ type: "screen", target, lines, at: 1 });
const caption = (target: string, index: number): Caption => ({
  ...{ type: "caption", index, target, lines: [`${index}`], start: 1, end: 2, readingSpeed: 1, delay: 0 },
});

function setUp(options: { limit?: number } = {}) {
  const counted: string[] = [];
  const viewers = new CaptionViewers("websocket", {
    format: (event, id) => `${id} ${event.target} ${event.lines.join("/")}`,
    count: (sink, status) => counted.push(`${sink} ${status}`),
    outboxMaxBytes: 10,
    ...options,
  });
  const join = (target?: string, lastId?: number) => {
    const seen: string[] = [];
    const outbox = {
      bufferedBytes: 0,
      closed: false,
      write: (text: string) => seen.push(text),
      close() {
        this.closed = true;
      },
    };
    return { seen, outbox, leave: viewers.add(outbox, target, lastId) };
  };
  return { viewers, counted, join };
}

describe("CaptionViewers", () => {
  it("sends each viewer its language, and to who comes late the screen as it is", () => {
    const { viewers, join } = setUp();
    const [all, german] = [join(), join("de")];
    viewers.take(screen("de", "Guten"));
    viewers.take(screen("fr", "Bon"));
    viewers.take(screen("de", "Guten Tag"));
    expect(all.seen).toEqual(["1 de Guten", "2 fr Bon", "3 de Guten Tag"]);
    expect(german.seen).toEqual(["1 de Guten", "3 de Guten Tag"]);
    expect(join("de").seen).toEqual(["3 de Guten Tag"]);
    german.leave?.();
    viewers.take(screen("de", "x"));
    expect(german.seen).toHaveLength(2);
  });

  it("sends who comes again the captions since the last one that came, as far as they are kept", () => {
    const { viewers, join } = setUp();
    for (let index = 1; index <= 60; index++) viewers.take(caption("de", index));
    expect(join("de", 58).seen).toEqual(["59 de 59", "60 de 60"]);
    expect(join("de", 0).seen).toHaveLength(50);
    expect(join("de").seen).toEqual([]);
  });

  it("cuts off who does not read, and nobody else", () => {
    const { viewers, counted, join } = setUp();
    const [slow, quick] = [join(), join()];
    slow.outbox.bufferedBytes = 11;
    viewers.take(caption("de", 0));
    viewers.take(caption("de", 1));
    expect([slow.outbox.closed, slow.seen, viewers.size]).toEqual([true, [], 1]);
    expect(quick.seen).toHaveLength(2);
    expect(counted).toEqual(["websocket full", "websocket sent", "websocket sent"]);
  });

  it("takes no more viewers than its limit, and lets go of all when it is closed", async () => {
    const { viewers, join } = setUp({ limit: 1 });
    const first = join();
    expect(join().leave).toBeUndefined();
    await viewers.close();
    expect([first.outbox.closed, viewers.size]).toEqual([true, 0]);
  });
});

describe("the formats", () => {
  it("are an event of a stream and a frame", () => {
    expect(serverSentEvent(screen("de", "a\nb"), 7)).toBe(
      'event: screen\nid: 7\ndata: {"type":"screen","target":"de","lines":["a\\nb"],"at":1}\n\n',
    );
    expect(JSON.parse(webSocketFrame(screen("de", "a"), 7))).toEqual({ ...screen("de", "a"), id: 7 });
  });
});
