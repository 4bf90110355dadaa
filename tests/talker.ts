// A client for tests that need load: speaks a word from time to time, and comes again when it is cut off.
import { setTimeout } from "node:timers/promises";
import WebSocket from "ws";

const SENTENCE = "the words and the order of the end.".split(" ");

export class Talker {
  readonly #url: string;
  readonly #everyMs: number;
  readonly #query: string;
  #socket: WebSocket | undefined;
  #stopped = false;
  readonly #over: Promise<void>;

  /**
   * @param everyMs between words; `Infinity` says nothing
   * @param query more settings: `&captions=stage`
   */
  constructor(url: string, everyMs: number, query = "") {
    this.#url = url;
    this.#everyMs = everyMs;
    this.#query = query;
    this.#over = this.#live();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#socket?.terminate();
    await this.#over;
  }

  async #live(): Promise<void> {
    while (!this.#stopped) {
      const socket = new WebSocket(`${this.#url}?source=en&target=de${this.#query}`, "souffleur.v1");
      this.#socket = socket;
      const gone = new Promise<void>((resolve) => {
        socket.on("close", () => resolve());
        socket.on("error", () => {});
      });
      let word = 0;
      const timer =
        this.#everyMs === Number.POSITIVE_INFINITY
          ? undefined
          : setInterval(() => {
              if (socket.readyState !== WebSocket.OPEN) return;
              socket.send(JSON.stringify({ type: "text", text: `${SENTENCE[word++ % SENTENCE.length]} ` }));
            }, this.#everyMs);
      await gone;
      clearInterval(timer);
      await setTimeout(100);
    }
  }
}
