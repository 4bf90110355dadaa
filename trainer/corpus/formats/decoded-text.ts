// Text of an XML file in the encoding that it says it has: UTF-8, UTF-16 or an older one.
import { bytesOf, cannotRead, type Place } from "./place.ts";

/** Its text in pieces, without the byte order mark. @throws Error naming the file when a byte does not fit. */
export async function* decodedText(place: Place): AsyncGenerator<string> {
  let decoder: InstanceType<typeof TextDecoder> | undefined;
  for await (const chunk of bytesOf(place)) {
    try {
      decoder ??= new TextDecoder(encodingOf(chunk), { fatal: true });
      yield decoder.decode(chunk, { stream: true });
    } catch (error) {
      throw cannotRead(place, error);
    }
  }
  try {
    if (decoder) yield decoder.decode();
  } catch (error) {
    throw cannotRead(place, error);
  }
}

/** By the byte order mark, else by the XML declaration (XML 1.0, appendix F). */
function encodingOf(start: Buffer): string {
  if (start[0] === 0xff && start[1] === 0xfe) return "utf-16le";
  if (start[0] === 0xfe && start[1] === 0xff) return "utf-16be";
  if (start[0] === 0x3c && start[1] === 0) return "utf-16le";
  if (start[0] === 0 && start[1] === 0x3c) return "utf-16be";
  const declared = /^\s*<\?xml[^>]*\bencoding\s*=\s*["']([\w.-]+)["']/.exec(start.toString("latin1", 0, 200))?.[1];
  return declared ?? "utf-8";
}
