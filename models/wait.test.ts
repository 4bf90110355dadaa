import { describe, expect, it } from "vitest";
import { chunksReady, FULL_WAIT, waitToInteger } from "./wait.ts";

describe("wait", () => {
  it("allows chunk i once position i + wait - 1 is read", () => {
    expect([0, 1, 2, 3, 4].map((read) => chunksReady(read, 3, false))).toEqual([0, 0, 0, 1, 2]);
    expect([0, 1, 2].map((read) => chunksReady(read, 1, false))).toEqual([0, 1, 2]);
    expect(chunksReady(4, 3, true)).toBe(4);
  });

  it("makes full a wait that no segment reaches", () => {
    expect(waitToInteger("full")).toBe(FULL_WAIT);
    expect(waitToInteger(2 ** 30)).toBe(FULL_WAIT);
    expect(chunksReady(1000, FULL_WAIT, false)).toBe(0);
    expect(chunksReady(1000, FULL_WAIT, true)).toBe(1000);
  });

  it.each([0, -1, 1.5, Number.NaN])("refuses %d", (wait) => {
    expect(() => waitToInteger(wait)).toThrow(/integer of at least 1/);
  });
});
