// Token ids that stay on disk and are read when they are asked for: shards that are larger than the memory for them.
import { openSync, readSync } from "node:fs";
import { ShardError } from "./shard-header.ts";

/** A stretch of 16-bit ids in a file, little-endian. The file stays open as long as the process. */
export class TokenFile {
  readonly length: number;
  readonly #path: string;
  readonly #start: number;
  readonly #file: number;

  /** @param start byte of the first id; @param length ids. */
  constructor(path: string, start: number, length: number) {
    this.#path = path;
    this.#start = start;
    this.length = length;
    this.#file = openSync(path, "r");
  }

  /**
   * The ids `from .. to`, as `subarray` of an array in memory gives them. The operating system's cache makes a sentence
   * that was read ahead a matter of microseconds.
   * @throws ShardError when the file has become shorter.
   */
  subarray(from: number, to: number): Uint16Array {
    const ids = new Uint16Array(Math.max(0, to - from));
    const read = readSync(this.#file, ids, 0, ids.byteLength, this.#start + from * 2);
    if (read !== ids.byteLength) throw new ShardError(`${this.#path} ends before its ids do`);
    return ids;
  }
}
