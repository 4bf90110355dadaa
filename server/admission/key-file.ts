// The key file on disk: read at the start, and again whenever it changes; a file that is broken changes nothing.
import { readFileSync, unwatchFile, watchFile } from "node:fs";
import { ApiKeys, KeyFileError, type KeyRecord, parseKeyFile } from "./api-keys.ts";

/** How often the file is looked at. Looked at, not watched: mounted secrets are replaced in ways that watching misses. */
const LOOK_EVERY_MS = 1_000;

export interface KeyFileEvents {
  /** The file was read again. */
  changed(count: number): void;
  /** It could not be, and the keys stay as they were; `reason` holds nothing of its content. */
  broken(reason: string): void;
}

export class KeyFile {
  readonly keys: ApiKeys;
  readonly #path: string;
  readonly #events: KeyFileEvents;
  #text: string;

  /** @throws KeyFileError where there are no keys to start with */
  constructor(path: string, events: KeyFileEvents) {
    this.#path = path;
    this.#events = events;
    this.#text = this.#read();
    this.keys = new ApiKeys(this.#parse(this.#text));
  }

  /** Reads the file again, now. */
  reload(): void {
    try {
      const text = this.#read();
      if (text === this.#text) return;
      this.keys.replace(this.#parse(text));
      this.#text = text;
    } catch (error) {
      if (!(error instanceof KeyFileError)) throw error;
      this.#events.broken(error.message);
      return;
    }
    this.#events.changed(this.keys.size);
  }

  watch(): void {
    watchFile(this.#path, { interval: LOOK_EVERY_MS, persistent: false }, () => this.reload());
  }

  close(): void {
    unwatchFile(this.#path);
  }

  #read(): string {
    try {
      return readFileSync(this.#path, "utf8");
    } catch (error) {
      const code = error instanceof Error && "code" in error ? String(error.code) : "unknown";
      throw new KeyFileError(`key file ${this.#path} cannot be read (${code})`);
    }
  }

  #parse(text: string): KeyRecord[] {
    try {
      return parseKeyFile(text);
    } catch (error) {
      if (error instanceof KeyFileError) throw new KeyFileError(`key file ${this.#path}: ${error.message}`);
      throw error;
    }
  }
}
