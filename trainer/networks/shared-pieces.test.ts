import { expect, test } from "vitest";
import { sharePieces } from "./shared-pieces.ts";

const pieces = (...all: string[]) => ({ vocabularySize: all.length, pieceOf: (id: number) => all[id]! });

const old = pieces("<pad>", "▁a", "▁b", "c");
const from = {
  tensors: new Map([
    ["embedding", Float32Array.of(0, 0, 1, 10, 2, 20, 3, 30)],
    ["output.bias", Float32Array.of(0, 1, 2, 3)],
    ["encoder.0.weight", Float32Array.of(5, 6, 7, 8)],
  ]),
  shapes: new Map([
    ["embedding", [4, 2]],
    ["output.bias", [4]],
    ["encoder.0.weight", [4, 1]],
  ]),
};

test("rows go along with their pieces, whatever their ids are", () => {
  const { weights, shared } = sharePieces(from, old, pieces("<pad>", "c", "▁new", "▁a", "▁other"), 1);
  expect(shared).toBe(3);
  const table = weights.tensors.get("embedding")!;
  expect(weights.shapes.get("embedding")).toEqual([5, 2]);
  expect([...table.subarray(0, 4)]).toEqual([0, 0, 3, 30]);
  expect([...table.subarray(6, 8)]).toEqual([1, 10]);
  expect(weights.shapes.get("output.bias")).toEqual([5]);
  const bias = weights.tensors.get("output.bias")!;
  expect([bias[0], bias[1], bias[3]]).toEqual([0, 3, 1]);
});

test("other tensors stay as they are, though they have as many rows", () => {
  const { weights } = sharePieces(from, old, pieces("<pad>", "c"), 1);
  expect(weights.tensors.get("encoder.0.weight")).toBe(from.tensors.get("encoder.0.weight"));
  expect(weights.shapes.get("encoder.0.weight")).toEqual([4, 1]);
});

test("new pieces are drawn with the old rows' mean and deviation, the same for the same seed", () => {
  const many = pieces("<pad>", ...Array.from({ length: 4000 }, (_, index) => `▁${index}`));
  const table = sharePieces(from, old, many, 1).weights.tensors.get("embedding")!;
  const column = (at: number) => Array.from({ length: 4000 }, (_, row) => table[(row + 1) * 2 + at]!);
  for (const [at, scale] of [
    [0, 1],
    [1, 10],
  ] as const) {
    const values = column(at);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
    expect(mean / scale).toBeCloseTo(1.5, 0);
    expect(deviation / scale).toBeCloseTo(Math.sqrt(1.25), 1);
  }
  expect(sharePieces(from, old, many, 1).weights.tensors.get("embedding")).toEqual(table);
  expect(sharePieces(from, old, many, 2).weights.tensors.get("embedding")).not.toEqual(table);
});
