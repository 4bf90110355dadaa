// Messages to and from a process of another language: a JSON header and tensors' bytes, over a stream.
import type { Socket } from "node:net";
import type * as Ort from "onnxruntime-common";
import { z } from "zod";

/** Bytes of the header (uint32) and of all tensors (uint64), little-endian, before each frame. */
const PREFIX = 12;

const headerSchema = z.looseObject({
  type: z.string(),
  tensors: z.array(z.object({ name: z.string(), type: z.literal("float32"), shape: z.array(z.int()) })),
});

export interface FrameTensor {
  readonly name: string;
  readonly type: string;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

export interface Frame {
  readonly fields: Readonly<Record<string, unknown>> & { readonly type: string };
  readonly tensors: ReadonlyMap<string, Float32Array>;
}

/** @throws TypeError for a tensor that is not on the CPU or holds text. */
export function frameTensor(name: string, tensor: Ort.Tensor): FrameTensor {
  const { data } = tensor;
  if (Array.isArray(data)) throw new TypeError(`tensor ${name} holds text, which no frame carries`);
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return { name, type: tensor.type, shape: tensor.dims, bytes };
}

/** A frame as the pieces that are written one after another. */
export function encodeFrame(fields: Frame["fields"], tensors: readonly FrameTensor[]): Uint8Array[] {
  const described = tensors.map(({ name, type, shape }) => ({ name, type, shape }));
  const header = Buffer.from(JSON.stringify({ ...fields, tensors: described }));
  const prefix = Buffer.alloc(PREFIX);
  prefix.writeUInt32LE(header.length, 0);
  prefix.writeBigUInt64LE(BigInt(tensors.reduce((sum, { bytes }) => sum + bytes.byteLength, 0)), 4);
  return [prefix, header, ...tensors.map(({ bytes }) => bytes)];
}

/** Frames from a stream of bytes, however they are cut. */
export class FrameReader {
  #chunks: Buffer[] = [];
  #length = 0;

  /** Adds what has come. */
  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
  }

  /** The next frame, if all of it is here. @throws ZodError when the header is not one. */
  next(): Frame | undefined {
    if (this.#length < PREFIX) return undefined;
    const prefix = this.#peek(PREFIX);
    const headerLength = prefix.readUInt32LE(0);
    const total = PREFIX + headerLength + Number(prefix.readBigUInt64LE(4));
    if (this.#length < total) return undefined;
    const whole = this.#peek(total);
    this.#chunks = whole.length > total ? [whole.subarray(total)] : [];
    this.#length -= total;
    const header: unknown = JSON.parse(whole.toString("utf8", PREFIX, PREFIX + headerLength));
    const { tensors: described, ...fields } = headerSchema.parse(header);
    const tensors = new Map<string, Float32Array>();
    let at = PREFIX + headerLength;
    for (const { name, shape } of described) {
      const values = new Float32Array(shape.reduce((product, size) => product * size, 1));
      new Uint8Array(values.buffer).set(whole.subarray(at, at + values.byteLength));
      tensors.set(name, values);
      at += values.byteLength;
    }
    return { fields, tensors };
  }

  /** A buffer that holds at least the first `count` bytes. */
  #peek(count: number): Buffer {
    if (this.#chunks[0]!.length < count) this.#chunks = [Buffer.concat(this.#chunks)];
    return this.#chunks[0]!;
  }
}

/** Writes a frame; resolves when the stream has taken it. */
export function writeFrame(socket: Socket, fields: Frame["fields"], tensors: readonly FrameTensor[]): Promise<void> {
  const pieces = encodeFrame(fields, tensors).filter(({ byteLength }) => byteLength > 0);
  const last = pieces.pop()!;
  for (const piece of pieces) socket.write(piece);
  return new Promise((resolve, reject) => socket.write(last, (error) => (error ? reject(error) : resolve())));
}
