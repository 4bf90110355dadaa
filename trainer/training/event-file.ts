// TensorBoard's event file: the figures of a run's log in the format that TensorBoard reads.
import { appendFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import crc32c from "crc-32/crc32c.js";
import protobuf from "protobufjs";

// The fields that we use of tensorflow/core/util/event.proto and tensorflow/core/framework/summary.proto.
const root = protobuf.Root.fromJSON({
  options: { syntax: "proto3" },
  nested: {
    SessionLog: { fields: { status: { type: "int32", id: 1 } } },
    Value: { fields: { tag: { type: "string", id: 1 }, simpleValue: { type: "float", id: 2 } } },
    Summary: { fields: { value: { type: "Value", id: 1, rule: "repeated" } } },
    Event: {
      fields: {
        wallTime: { type: "double", id: 1 },
        step: { type: "int64", id: 2 },
        fileVersion: { type: "string", id: 3 },
        summary: { type: "Summary", id: 5 },
        sessionLog: { type: "SessionLog", id: 7 },
      },
    },
  },
});
const Event = root.lookupType("Event");
/** SessionLog.START: what an earlier file says of this step and later ones no longer counts. */
const START = 1;

/** One file of scalars; a run that goes on opens another one beside it. */
export class EventFile {
  readonly path: string;
  readonly #now: () => number;

  /**
   * @param step the run goes on after this step.
   * @param now seconds since 1970.
   */
  constructor(folder: string, step: number, now: () => number = () => Date.now() / 1000) {
    this.#now = now;
    const began = String(Math.floor(now())).padStart(10, "0");
    this.path = join(folder, `events.out.tfevents.${began}.${hostname()}.${process.pid}.${step}`);
    this.#append({ fileVersion: "brain.Event:2" });
    if (step > 0) this.#append({ step: step + 1, sessionLog: { status: START } });
  }

  /** The numbers of one step by their tags, such as `train/loss`. */
  write(step: number, scalars: Readonly<Record<string, number>>): void {
    const value = Object.entries(scalars).map(([tag, simpleValue]) => ({ tag, simpleValue }));
    if (value.length > 0) this.#append({ step, summary: { value } });
  }

  #append(event: Record<string, unknown>): void {
    appendFileSync(this.path, recordOf(Event.encode({ wallTime: this.#now(), ...event }).finish()));
  }
}

/** A TFRecord: length, its checksum, the bytes, their checksum, all little-endian. */
export function recordOf(bytes: Uint8Array): Buffer {
  const record = Buffer.alloc(bytes.length + 16);
  record.writeBigUInt64LE(BigInt(bytes.length), 0);
  record.writeUInt32LE(masked(record.subarray(0, 8)), 8);
  record.set(bytes, 12);
  record.writeUInt32LE(masked(bytes), 12 + bytes.length);
  return record;
}

/** CRC-32C, rotated and shifted, so that a checksum of bytes that hold checksums stays a good one (TFRecord's format). */
function masked(bytes: Uint8Array): number {
  const sum = crc32c.buf(bytes) >>> 0;
  return (((sum >>> 15) | (sum << 17)) + 0xa282ead8) >>> 0;
}
