// Lines of a text file, streamed; .gz files are unpacked on the way.
import { createReadStream } from "node:fs";
import { createGunzip } from "node:zlib";

/**
 * Yields lines without their end (LF or CRLF). Only these end a line: U+2028 and the like are characters of a sentence.
 * @throws Error naming the file when it cannot be read, unpacked or decoded as UTF-8.
 */
export async function* readLines(path: string): AsyncGenerator<string> {
  const file = createReadStream(path, { highWaterMark: 1 << 18 });
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const stream = path.endsWith(".gz") ? file.pipe(createGunzip({ chunkSize: 1 << 18 })) : file;
  if (stream !== file) file.on("error", (error) => stream.destroy(error));
  let rest = "";
  try {
    for await (const chunk of stream) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) yield line.endsWith("\r") ? line.slice(0, -1) : line;
    }
    rest += decoder.decode();
  } catch (error) {
    throw new Error(`cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  } finally {
    file.destroy();
  }
  if (rest !== "") yield rest;
}
