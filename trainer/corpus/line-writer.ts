// Writes lines to a file in large pieces.
import { type FileHandle, open } from "node:fs/promises";

const FLUSH_CHARACTERS = 1 << 20;

export class LineWriter {
  readonly #file: FileHandle;
  #lines: string[] = [];
  #characters = 0;

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  static async create(path: string): Promise<LineWriter> {
    return new LineWriter(await open(path, "w"));
  }

  /** Takes a line without its end; await it when it returns a promise. */
  write(line: string): Promise<void> | undefined {
    this.#lines.push(line);
    this.#characters += line.length;
    return this.#characters < FLUSH_CHARACTERS ? undefined : this.#flush();
  }

  async close(): Promise<void> {
    try {
      await this.#flush();
    } finally {
      await this.#file.close();
    }
  }

  async #flush(): Promise<void> {
    if (this.#lines.length === 0) return;
    const text = `${this.#lines.join("\n")}\n`;
    this.#lines = [];
    this.#characters = 0;
    await this.#file.appendFile(text);
  }
}
