import { describe, expect, it } from "vitest";
import { PagedState } from "./paged-state.ts";
import { StateMemory } from "./state-memory.ts";

describe("StateMemory", () => {
  it("hands out rows, keeps them as it grows, and row 0 zero", () => {
    const memory = new StateMemory(2);
    const rows = Array.from({ length: 600 }, (_, index) => memory.take(Float32Array.of(index, -index)));
    expect(new Set(rows).size).toBe(600);
    expect(rows).not.toContain(0);
    expect([...memory.read([rows[599], rows[0], rows[300]])]).toEqual([599, -599, 0, -0, 300, -300]);
    expect([...memory.floats.subarray(0, 2)]).toEqual([0, 0]);
    expect(memory.held).toBe(600);
  });

  it("gives rows again that came back, without growing", () => {
    const memory = new StateMemory(1);
    const rows = Array.from({ length: 200 }, () => memory.take(Float32Array.of(7)));
    const { bytes } = memory;
    for (let round = 0; round < 10; round++) {
      memory.giveBack(rows.splice(0, 150));
      expect(memory.held).toBe(50);
      while (rows.length < 200) rows.push(memory.take(Float32Array.of(8)));
      expect(new Set(rows).size).toBe(200);
    }
    expect(memory.bytes).toBe(bytes);
  });
});

describe("PagedState", () => {
  it("appends to memories that it shares, and gives back its own", () => {
    const [source, slots] = [new StateMemory(2), new StateMemory(1)];
    const [one, other] = [0, 1].map(() => new PagedState(source, slots, 2));
    one.append(Float32Array.of(1, 2), Float32Array.of(5, 6));
    other.append(Float32Array.of(3, 4), new Float32Array(0));
    one.append(Float32Array.of(7, 8), new Float32Array(0));
    expect([one.sourceLength, one.chunkLength, one.bytes]).toEqual([2, 1, 24]);
    expect([[...one.sourceState], [...one.slotState]]).toEqual([
      [1, 2, 7, 8],
      [5, 6],
    ]);
    one.release();
    expect([one.bytes, one.sourceLength, source.held, slots.held]).toEqual([0, 0, 1, 0]);
    expect([...other.sourceState]).toEqual([3, 4]);
  });
});
