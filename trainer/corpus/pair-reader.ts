// A corpus's kept sentences as text, read forward in ranges: line for pair with its shard.
import { readLines } from "./lines.ts";

export interface TextPair {
  readonly source: string;
  readonly target: string;
}

/** Reads ranges of `source<TAB>target` lines; one that goes on where the last ended costs no more than its own lines. */
export class PairReader {
  readonly #path: string;
  #lines: AsyncGenerator<string>;
  #next = 0;
  #last: { start: number; pairs: TextPair[] } = { start: 0, pairs: [] };

  /** @param path of the .tsv file. */
  constructor(path: string) {
    this.#path = path;
    this.#lines = readLines(path);
  }

  /**
   * Lines `start .. end`, counted from 0.
   * @throws RangeError where the file has fewer.
   */
  async read(start: number, end: number): Promise<TextPair[]> {
    if (this.#last.start === start && this.#last.pairs.length === end - start) return this.#last.pairs;
    if (start < this.#next) {
      await this.close();
      this.#lines = readLines(this.#path);
      this.#next = 0;
    }
    const pairs: TextPair[] = [];
    while (this.#next < end) {
      const { value, done } = await this.#lines.next();
      if (done) throw new RangeError(`${this.#path} has ${this.#next} lines, ${end} are expected`);
      if (this.#next >= start) {
        const [source = "", target = ""] = value.split("\t");
        pairs.push({ source, target });
      }
      this.#next += 1;
    }
    this.#last = { start, pairs };
    return pairs;
  }

  async close(): Promise<void> {
    await this.#lines.return(undefined);
  }
}
