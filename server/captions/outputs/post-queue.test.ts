import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { PostStatus } from "./caption-sink.ts";
import { PostQueue, type Verdict } from "./post-queue.ts";

describe("PostQueue", () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  function setUp(post: (item: string, signal: AbortSignal) => Promise<Verdict>, options: { limit?: number } = {}) {
    const statuses: PostStatus[] = [];
    const attempts: [string, number][] = [];
    const queue = new PostQueue<string>({
      post: (item, signal) => {
        attempts.push([item, performance.now()]);
        return post(item, signal);
      },
      onStatus: (status) => statuses.push(status),
      random: () => 0.99,
      ...options,
    });
    const start = performance.now();
    return { queue, statuses, attempts, times: () => attempts.map(([item, at]) => [item, at - start]) };
  }

  it("posts one after the other, in order", async () => {
    let free = (_verdict: Verdict) => {};
    const { queue, statuses, attempts } = setUp(() => new Promise((resolve) => (free = resolve)));
    queue.push("a");
    queue.push("b");
    expect(attempts.map(([item]) => item)).toEqual(["a"]);
    free("sent");
    await vi.advanceTimersByTimeAsync(0);
    expect(attempts.map(([item]) => item)).toEqual(["a", "b"]);
    free("refused");
    await vi.advanceTimersByTimeAsync(0);
    expect(statuses).toEqual(["sent", "refused"]);
  });

  it("tries again after a random time that doubles, and moves on after 5 s", async () => {
    const { queue, statuses, times } = setUp(async (item) => (item === "a" ? "retry" : "sent"));
    queue.push("a");
    await vi.advanceTimersByTimeAsync(4_000);
    queue.push("b");
    await vi.advanceTimersByTimeAsync(2_000);
    const waits = times()
      .slice(0, 6)
      .map(([, at]) => Number(at));
    expect(waits.slice(0, 5)).toEqual([0, 99, 99 + 198, 99 + 198 + 396, 99 + 198 + 396 + 792]);
    expect(times().at(-1)).toEqual(["b", 5_000]);
    expect(statuses.filter((status) => status !== "retried")).toEqual(["late", "sent"]);
  });

  it("tries again where an attempt throws, and gives up one that hangs", async () => {
    let first = true;
    const { queue, statuses } = setUp((item, signal) => {
      if (item === "b") return Promise.resolve("sent");
      if (first) {
        first = false;
        return Promise.reject(new Error("the network"));
      }
      return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    });
    queue.push("a");
    queue.push("b");
    await vi.advanceTimersByTimeAsync(5_000);
    expect(statuses).toEqual(["retried", "retried", "late", "late"]);
    queue.push("b");
    await vi.advanceTimersByTimeAsync(0);
    expect(statuses.at(-1)).toBe("sent");
  });

  it("holds no more than its limit: the oldest that waits goes", async () => {
    let free = (_verdict: Verdict) => {};
    const { queue, statuses, attempts } = setUp(() => new Promise((resolve) => (free = resolve)), { limit: 2 });
    for (const item of ["a", "b", "c", "d", "e"]) queue.push(item);
    expect(queue.size).toBe(2);
    expect(statuses).toEqual(["full", "full"]);
    for (let index = 0; index < 3; index++) {
      free("sent");
      await vi.advanceTimersByTimeAsync(0);
    }
    expect(attempts.map(([item]) => item)).toEqual(["a", "d", "e"]);
  });

  it("stops at once when it is closed", async () => {
    const { queue, statuses } = setUp(
      (_item, signal) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
    );
    queue.push("a");
    queue.push("b");
    await queue.close();
    queue.push("c");
    expect(queue.size).toBe(0);
    expect(statuses).toEqual([]);
  });
});
