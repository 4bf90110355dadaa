// The file of what was left out: a line for each pair, so that a rule's work can be looked at.
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { finished } from "node:stream/promises";
import { createGzip, type Gzip } from "node:zlib";
import type { CleaningRule } from "./cleaning.ts";

/** Why a pair is not in the training data. */
export type DropReason = CleaningRule | "duplicate" | "leak";

const FLUSH_CHARACTERS = 1 << 18;
const COLUMNS = "rule\tfile\tline\tsource\ttarget\n";

/** `dropped.tsv.gz`: rule, file, line, source and target, tabs and line ends within a text written as spaces. */
export class DroppedFile {
  readonly #zip: Gzip;
  readonly #closed: Promise<void>;
  #waiting = COLUMNS;

  constructor(path: string) {
    this.#zip = createGzip();
    const file = createWriteStream(path);
    this.#zip.on("error", (error) => file.destroy(error));
    this.#closed = finished(this.#zip.pipe(file));
    this.#closed.catch(() => {}); // `close` tells of it
  }

  /** Await it when it returns a promise. */
  write(rule: DropReason, file: string, line: number, source: string, target = ""): Promise<unknown> | undefined {
    this.#waiting += `${[rule, file, line, oneLine(source), oneLine(target)].join("\t")}\n`;
    return this.#waiting.length < FLUSH_CHARACTERS ? undefined : this.#flush();
  }

  /** @throws Error when the file could not be written. */
  async close(): Promise<void> {
    this.#zip.end(this.#waiting);
    await this.#closed;
  }

  async #flush(): Promise<void> {
    const text = this.#waiting;
    this.#waiting = "";
    if (!this.#zip.write(text)) await Promise.race([once(this.#zip, "drain"), this.#closed]);
  }
}

const oneLine = (text: string): string => text.replace(/[\t\r\n]+/g, " ");
