// A client as docs/protocol.md asks for one: what a lost connection left without a final is said again on the next.
import { once } from "node:events";
import { setTimeout } from "node:timers/promises";
import WebSocket from "ws";
import { serverMessageSchema } from "../server/protocol/server-messages.ts";

export class Speaker {
  /** Sources and translations of all finals. */
  readonly #finals: { source: string; text: string }[] = [];
  /** What was said and has no final yet. */
  #unfinished = "";
  #socket: WebSocket;
  #ending = false;
  connections = 0;
  readonly #url: string;
  readonly #over: Promise<void>;

  constructor(url: string) {
    this.#url = url;
    this.#socket = this.#open();
    this.#over = this.#live();
  }

  /** The sources of all finals. */
  get heard(): string {
    return this.#finals.map(({ source }) => source).join(" ");
  }

  get translated(): string {
    return this.#finals.map(({ text }) => text).join(" ");
  }

  /** @param text words, each with a space after it */
  say(text: string): void {
    this.#unfinished += text;
    if (this.#socket.readyState === WebSocket.OPEN) this.#send({ type: "text", text });
  }

  /** Resolves when all that was said has its final. */
  async end(): Promise<void> {
    this.#ending = true;
    if (this.#socket.readyState === WebSocket.OPEN) this.#send({ type: "end" });
    await this.#over;
  }

  #open(): WebSocket {
    this.connections += 1;
    const socket = new WebSocket(`${this.#url}?source=en&target=de`, "souffleur.v1");
    socket.on("error", () => {});
    socket.on("open", () => {
      if (this.#unfinished !== "") this.#send({ type: "text", text: this.#unfinished });
      if (this.#ending) this.#send({ type: "end" });
    });
    socket.on("message", (data) => this.#hear(String(data)));
    return socket;
  }

  #hear(frame: string): void {
    const message = serverMessageSchema.parse(JSON.parse(frame));
    if (message.type !== "final") return;
    this.#finals.push({ source: message.source, text: message.text });
    if (!this.#unfinished.startsWith(message.source)) throw new Error("a final of what was not said");
    this.#unfinished = this.#unfinished.slice(message.source.length).trimStart();
  }

  async #live(): Promise<void> {
    for (;;) {
      const [code] = await once(this.#socket, "close");
      if (code === 1000) return;
      await setTimeout(50);
      this.#socket = this.#open();
    }
  }

  #send(message: unknown): void {
    this.#socket.send(JSON.stringify(message));
  }
}
