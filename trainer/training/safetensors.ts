// Reads and writes the safetensors format: an 8-byte header length, a JSON header, then the tensors' bytes.
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import { z } from "zod";
import type { Weights } from "../networks/parameters.ts";

const entrySchema = z.object({
  dtype: z.string(),
  shape: z.array(z.int().nonnegative()),
  data_offsets: z.tuple([z.int().nonnegative(), z.int().nonnegative()]),
});

export class SafetensorsError extends Error {
  override name = "SafetensorsError";
}

/** Writes float32 tensors; the file appears whole or not at all. */
export function writeSafetensors(path: string, tensors: Weights, shapes: ReadonlyMap<string, readonly number[]>): void {
  const header: Record<string, unknown> = {};
  let offset = 0;
  for (const [name, data] of tensors) {
    header[name] = {
      dtype: "F32",
      shape: shapes.get(name) ?? [data.length],
      data_offsets: [offset, offset + data.byteLength],
    };
    offset += data.byteLength;
  }
  const json = JSON.stringify(header);
  const padded = Buffer.from(json.padEnd(Math.ceil(json.length / 8) * 8, " "), "utf8");
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(padded.length));
  const temporary = `${path}.partial`;
  const file = openSync(temporary, "w");
  try {
    writeSync(file, size);
    writeSync(file, padded);
    for (const data of tensors.values()) writeSync(file, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(temporary, path);
}

/** @throws SafetensorsError naming the file and the tensor that does not fit. */
export function readSafetensors(path: string): { tensors: Weights; shapes: Map<string, readonly number[]> } {
  const bytes = readFileSync(path);
  const length = bytes.length < 8 ? Number.POSITIVE_INFINITY : Number(bytes.readBigUInt64LE(0));
  if (8 + length > bytes.length) throw new SafetensorsError(`${path} is not a safetensors file, or was cut short`);
  const header: unknown = JSON.parse(bytes.toString("utf8", 8, 8 + length));
  const { __metadata__: _, ...entries } = z.record(z.string(), z.unknown()).parse(header);
  const tensors: Weights = new Map();
  const shapes = new Map<string, readonly number[]>();
  for (const [name, entry] of Object.entries(entries)) {
    const { dtype, shape, data_offsets } = entrySchema.parse(entry);
    if (dtype !== "F32") throw new SafetensorsError(`${path}: tensor ${name} is ${dtype}, only F32 is read`);
    const [start, end] = data_offsets;
    const size = shape.reduce((product, dim) => product * dim, 1);
    if (end - start !== size * 4 || 8 + length + end > bytes.length) {
      throw new SafetensorsError(`${path}: tensor ${name} of shape [${shape}] does not fit its ${end - start} bytes`);
    }
    const data = new Float32Array(size);
    new Uint8Array(data.buffer).set(bytes.subarray(8 + length + start, 8 + length + end));
    tensors.set(name, data);
    shapes.set(name, shape);
  }
  return { tensors, shapes };
}
