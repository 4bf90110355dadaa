// Reads and writes the safetensors format: an 8-byte header length, a JSON header, then the tensors' bytes.
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeSync } from "node:fs";
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

/**
 * Writes float32 tensors; the file appears whole or not at all.
 * @throws the system's error, with the file's path, where it cannot be written (ENOSPC: the disk is full).
 */
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
  const padded = Buffer.from(json + " ".repeat(-Buffer.byteLength(json) & 7), "utf8"); // tensors begin at multiples of 8
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(padded.length));
  const temporary = `${path}.partial`;
  const file = openSync(temporary, "w");
  try {
    writeWhole(file, size);
    writeWhole(file, padded);
    for (const data of tensors.values())
      writeWhole(file, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    fsyncSync(file);
  } catch (error) {
    rmSync(temporary, { force: true }); // on a full disk the half of a file is what is in the way
    throw error instanceof Error ? Object.assign(error, { path }) : error;
  } finally {
    closeSync(file);
  }
  renameSync(temporary, path);
}

/** A disk that is nearly full takes a part of the bytes without an error; the next write then says why. */
function writeWhole(file: number, bytes: Uint8Array): void {
  for (let written = 0; written < bytes.length; ) written += writeSync(file, bytes, written);
}

/** @throws SafetensorsError naming the file and the tensor that does not fit. */
export function readSafetensors(path: string): { tensors: Weights; shapes: Map<string, readonly number[]> } {
  const bytes = readFileSync(path);
  const length = bytes.length < 8 ? Number.POSITIVE_INFINITY : Number(bytes.readBigUInt64LE(0));
  if (8 + length > bytes.length) throw new SafetensorsError(`${path} is not a safetensors file, or was cut short`);
  const { __metadata__: _, ...entries } = readHeader(path, bytes.toString("utf8", 8, 8 + length));
  const tensors: Weights = new Map();
  const shapes = new Map<string, readonly number[]>();
  for (const [name, entry] of Object.entries(entries)) {
    const parsed = entrySchema.safeParse(entry);
    if (!parsed.success) throw new SafetensorsError(`${path}: tensor ${name} is not described as the format wants it`);
    const { dtype, shape, data_offsets } = parsed.data;
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

function readHeader(path: string, text: string): Record<string, unknown> {
  try {
    return z.record(z.string(), z.unknown()).parse(JSON.parse(text));
  } catch (cause) {
    throw new SafetensorsError(`${path} has no readable header`, { cause });
  }
}
