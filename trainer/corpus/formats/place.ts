// Where a text is: a file, or a member of a zip file; .gz is unpacked on the way.
import { createReadStream } from "node:fs";
import type { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { openMember } from "./zip.ts";

export interface Place {
  readonly path: string;
  /** Inside the zip file `path`. */
  readonly member?: string;
}

/** How messages and counts name it. */
export const placeName = ({ path, member }: Place): string => (member === undefined ? path : `${path}:${member}`);

/** The name that says what is in it. */
export const fileName = ({ path, member }: Place): string => member ?? path;

const CHUNK_BYTES = 1 << 18;

/** Its bytes, unpacked, in pieces. @throws Error naming the place when it cannot be read or unpacked. */
export async function* bytesOf(place: Place): AsyncGenerator<Buffer> {
  let raw: Readable | undefined;
  try {
    raw =
      place.member === undefined
        ? createReadStream(place.path, { highWaterMark: CHUNK_BYTES })
        : await openMember(place.path, place.member);
    yield* unpacked(raw, fileName(place));
  } catch (error) {
    throw cannotRead(place, error);
  } finally {
    raw?.destroy();
  }
}

function unpacked(raw: Readable, name: string): AsyncIterable<Buffer> {
  if (!name.endsWith(".gz")) return raw;
  const unzip = createGunzip({ chunkSize: CHUNK_BYTES });
  raw.once("error", (error) => unzip.destroy(error));
  return raw.pipe(unzip);
}

export function cannotRead(place: Place, error: unknown): Error {
  const reason = error instanceof Error ? error.message : String(error);
  return new Error(`cannot read ${placeName(place)}: ${reason}`, { cause: error });
}
