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

  it("keeps rows for the decoder apart, and more chunks than tokens, where the shape says so", () => {
    const state = new SegmentState({
      ...shape,
      slotsPerToken: 1,
      maxSourceTokens: 4,
      crossStateWidth: 1,
      maxChunks: 20,
    });
    state.append(new Float32Array(4), new Float32Array(0), Float32Array.of(7, 8));
    for (let chunk = 0; chunk < 20; chunk++) state.append(new Float32Array(0), new Float32Array(3));
    state.append(Float32Array.of(1, 2), new Float32Array(0), Float32Array.of(9));
    expect([state.sourceLength, state.chunkLength, [...state.crossState]]).toEqual([3, 20, [7, 8, 9]]);
    expect(() => state.append(new Float32Array(0), new Float32Array(3))).toThrow("21 rows, the limit is 20");
    state.release();
    expect([state.bytes, state.crossState.length]).toEqual([0, 0]);
  });

  it("gives its memory back", () => {
    const state = new SegmentState(shape);
    state.append(new Float32Array(2), new Float32Array(6));
    expect(state.bytes).toBe(16 * (2 + 6) * FLOAT_BYTES);
    state.release();
    expect([state.bytes, state.sourceLength, state.chunkLength, state.sourceState.length]).toEqual([0, 0, 0, 0]);
  });
});
