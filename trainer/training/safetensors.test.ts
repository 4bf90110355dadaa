import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Weights } from "../networks/parameters.ts";
import { readSafetensors, SafetensorsError, writeSafetensors } from "./safetensors.ts";

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "souffleur-safetensors-"));
  path = join(folder, "weights.safetensors");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A file of the format, written by hand. */
function writeRaw(header: unknown, data: Uint8Array = new Uint8Array(0)): void {
  const json = Buffer.from(typeof header === "string" ? header : JSON.stringify(header));
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(json.length));
  writeFileSync(path, Buffer.concat([size, json, data]));
}

const floats = (...values: number[]): Uint8Array => new Uint8Array(Float32Array.from(values).buffer);

test("tensors come back bit by bit, with their shapes and in their order", () => {
  const whole = Float32Array.of(9, 9, 1, 2, 3, 9);
  const tensors: Weights = new Map([
    ["matrix", whole.subarray(2, 5)],
    ["odd values", Float32Array.of(Number.NaN, -0, Infinity, 1e-45)],
    ["empty", new Float32Array(0)],
    ["größe", Float32Array.of(4)],
  ]);
  const shapes = new Map([["matrix", [3, 1]]]);
  writeSafetensors(path, tensors, shapes);
  const read = readSafetensors(path);
  expect([...read.tensors.keys()]).toEqual(["matrix", "odd values", "empty", "größe"]);
  for (const [name, values] of tensors) {
    const bits = (data: Float32Array) => [...new Uint32Array(Float32Array.from(data).buffer)];
    expect(bits(read.tensors.get(name)!), name).toEqual(bits(values));
  }
  expect([...read.shapes.values()]).toEqual([[3, 1], [4], [0], [1]]);
  expect(existsSync(`${path}.partial`)).toBe(false);
});

test("the bytes are those of the format: header length, JSON, then tensors at a multiple of 8", () => {
  writeSafetensors(path, new Map([["ä", Float32Array.of(1, 2)]]), new Map([["ä", [2]]]));
  const bytes = readFileSync(path);
  const length = Number(bytes.readBigUInt64LE(0));
  expect(length % 8).toBe(0);
  expect(bytes.length).toBe(8 + length + 8);
  expect(JSON.parse(bytes.toString("utf8", 8, 8 + length))).toEqual({
    ä: { dtype: "F32", shape: [2], data_offsets: [0, 8] },
  });
  expect([bytes.readFloatLE(8 + length), bytes.readFloatLE(12 + length)]).toEqual([1, 2]);
});

test("files of other writers are read: metadata, tensors in another order", () => {
  const header = {
    __metadata__: { format: "pt" },
    b: { dtype: "F32", shape: [1], data_offsets: [8, 12] },
    a: { dtype: "F32", shape: [2], data_offsets: [0, 8] },
    scalar: { dtype: "F32", shape: [], data_offsets: [12, 16] },
  };
  writeRaw(header, floats(1, 2, 3, 4));
  const { tensors } = readSafetensors(path);
  expect([tensors.get("a"), tensors.get("b"), tensors.get("scalar")]).toEqual([
    Float32Array.of(1, 2),
    Float32Array.of(3),
    Float32Array.of(4),
  ]);
});

describe("a broken file is refused with its name", () => {
  const entry = { dtype: "F32", shape: [2], data_offsets: [0, 8] };
  const cases: Record<string, [() => void, string]> = {
    "an empty file": [() => writeFileSync(path, ""), "cut short"],
    "a header longer than the file": [
      () => writeFileSync(path, Buffer.from("ffffffffffffff7f7b7d", "hex")),
      "cut short",
    ],
    "no JSON": [() => writeRaw("{nonsense"), "has no readable header"],
    "a header that is a list": [() => writeRaw([1]), "has no readable header"],
    "an entry without offsets": [() => writeRaw({ a: { dtype: "F32", shape: [2] } }), "tensor a is not described"],
    "a shape that is no size": [
      () => writeRaw({ a: { ...entry, shape: [-2] } }, floats(1, 2)),
      "tensor a is not described",
    ],
    "another element type": [
      () => writeRaw({ a: { ...entry, dtype: "BF16" } }, floats(1, 2)),
      "tensor a is BF16, only F32 is read",
    ],
    "a shape of another size": [
      () => writeRaw({ a: { ...entry, shape: [3] } }, floats(1, 2, 3)),
      "does not fit its 8 bytes",
    ],
    "data that was cut short": [() => writeRaw({ a: entry }, floats(1)), "does not fit its 8 bytes"],
    "offsets the wrong way round": [
      () => writeRaw({ a: { ...entry, data_offsets: [8, 0] } }, floats(1, 2)),
      "does not fit its -8 bytes",
    ],
  };
  test.each(Object.entries(cases))("%s", (_, [write, message]) => {
    write();
    expect(() => readSafetensors(path)).toThrow(SafetensorsError);
    expect(() => readSafetensors(path)).toThrow(message);
    expect(() => readSafetensors(path)).toThrow(path);
  });
});
