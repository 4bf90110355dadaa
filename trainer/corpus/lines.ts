// Lines of a text file, streamed; .gz files are unpacked on the way.
import { bytesOf, cannotRead, type Place } from "./formats/place.ts";

/**
 * Yields lines without their end (LF or CRLF). Only these end a line: U+2028 and the like are characters of a sentence.
 * @throws Error naming the file when it cannot be read, unpacked or decoded as UTF-8.
 */
export async function* readLines(from: string | Place): AsyncGenerator<string> {
  const place = typeof from === "string" ? { path: from } : from;
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const decode = (chunk?: Buffer) => {
    try {
      return chunk === undefined ? decoder.decode() : decoder.decode(chunk, { stream: true });
    } catch (error) {
      throw cannotRead(place, error);
    }
  };
  let rest = "";
  for await (const chunk of bytesOf(place)) {
    const lines = (rest + decode(chunk)).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) yield line.endsWith("\r") ? line.slice(0, -1) : line;
  }
  rest += decode();
  if (rest !== "") yield rest;
}
