import { describe, expect, it } from "vitest";
import { Topics } from "./topics.ts";

function subscriber() {
  const frames: string[] = [];
  return { frames, bufferedBytes: 0, send: (frame: string) => void frames.push(frame) };
}

describe("Topics", () => {
  it("send a frame to those who have subscribed, and to nobody else", () => {
    const topics = new Topics(10);
    const [one, other] = [subscriber(), subscriber()];
    topics.subscribe("a", one, () => {});
    topics.subscribe("b", one, () => {});
    topics.subscribe("b", other, () => {});
    expect([topics.publish("a", "1"), topics.publish("b", "2"), topics.publish("c", "3")]).toEqual([1, 2, 0]);
    expect([one.frames, other.frames]).toEqual([["1", "2"], ["2"]]);
    topics.leave(one);
    topics.leave(other);
    expect([topics.size, topics.publish("b", "4")]).toEqual([0, 0]);
  });

  it("leave behind who is too slow, say so once, and wait for nobody", () => {
    const topics = new Topics(10);
    const [slow, quick] = [subscriber(), subscriber()];
    let told = 0;
    topics.subscribe("a", slow, () => told++);
    topics.subscribe("a", quick, () => {});
    slow.bufferedBytes = 11;
    expect([topics.publish("a", "1"), topics.publish("a", "2")]).toEqual([1, 1]);
    slow.bufferedBytes = 0;
    topics.publish("a", "3");
    expect([slow.frames, quick.frames, told]).toEqual([[], ["1", "2", "3"], 1]);
  });
});
