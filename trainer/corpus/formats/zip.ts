// Zip files, as OPUS ships its corpora: which members there are, and one of them as a stream.
import { type Readable, Transform } from "node:stream";
import crc32 from "crc-32";
import { type Entry, openPromise } from "yauzl";

/** Names of the members that are files, in the archive's order. */
export async function zipMembers(path: string): Promise<string[]> {
  const names: string[] = [];
  const zip = await openPromise(path, { lazyEntries: true });
  for await (const { fileName } of zip.eachEntry()) {
    if (!fileName.endsWith("/") && !fileName.startsWith("__MACOSX/")) names.push(fileName);
  }
  return names;
}

/**
 * A member's bytes, unpacked; the stream fails at its end where they do not have the checksum that the archive states. The
 * zip file is closed when the stream is.
 * @throws Error when there is no such member, or it is encrypted.
 */
export async function openMember(path: string, member: string): Promise<Readable> {
  const zip = await openPromise(path, { lazyEntries: true, autoClose: false });
  try {
    let found: Entry | undefined;
    for await (const entry of zip.eachEntry()) {
      if (entry.fileName !== member) continue;
      found = entry;
      break;
    }
    if (!found) throw new Error("there is no such member");
    if (found.isEncrypted()) throw new Error("it is encrypted");
    const packed = await zip.openReadStreamPromise(found);
    const checked = packed.pipe(checksum(found.crc32));
    packed.once("error", (error) => checked.destroy(error));
    checked.once("close", () => {
      packed.destroy();
      zip.close();
    });
    return checked;
  } catch (error) {
    zip.close();
    throw error;
  }
}

function checksum(expected: number): Transform {
  let sum = 0;
  return new Transform({
    transform(chunk: Buffer, _, done) {
      sum = crc32.buf(chunk, sum);
      done(null, chunk);
    },
    flush(done) {
      done(sum === (expected | 0) ? null : new Error("its bytes do not have the checksum that the archive states"));
    },
  });
}
