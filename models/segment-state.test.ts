import { describe, expect, it } from "vitest";
import { SegmentState } from "./segment-state.ts";

const shape = { sourceStateWidth: 2, slotStateWidth: 3, slotsPerToken: 2, maxSourceTokens: 40 };
const FLOAT_BYTES = 4;

describe("SegmentState", () => {
  it("appends rows and keeps them as it grows", () => {
    const state = new SegmentState(shape);
    expect(state.bytes).toBe(0);
    for (let position = 0; position < 40; position++) {
      state.append(Float32Array.of(position, -position), new Float32Array(6).fill(position));
    }
    expect([state.sourceLength, state.chunkLength]).toEqual([40, 40]);
    expect([...state.sourceState.subarray(76)]).toEqual([38, -38, 39, -39]);
    expect([...state.slotState.subarray(5, 7)]).toEqual([0, 1]);
  });

  it("doubles, up to the position limit", () => {
    const state = new SegmentState(shape);
    const rows = (count: number) => state.append(new Float32Array(2 * count), new Float32Array(0));
    const sizes = [1, 16, 20, 3].map((count) => {
      rows(count);
      return state.bytes / FLOAT_BYTES / 2;
    });
    expect(sizes).toEqual([16, 32, 40, 40]);
    expect(() => rows(1)).toThrow("41 rows, the limit is 40");
    expect(state.sourceLength).toBe(40);
  });

  it("gives its memory back", () => {
    const state = new SegmentState(shape);
    state.append(new Float32Array(2), new Float32Array(6));
    expect(state.bytes).toBe(16 * (2 + 6) * FLOAT_BYTES);
    state.release();
    expect([state.bytes, state.sourceLength, state.chunkLength, state.sourceState.length]).toEqual([0, 0, 0, 0]);
  });
});
