// A client that resumes, as docs/protocol.md asks for one: it keeps what it has said until it was read, and begins anew, with
// what has no final, where it cannot resume.
import { setTimeout } from "node:timers/promises";
import WebSocket from "ws";
import { type ErrorMessage, type ServerMessage, serverMessageSchema } from "./protocol/server-messages.ts";

type Said = { type: "text"; text: string } | { type: "commit" } | { type: "end" };

export class ResumingClient {
  /** All that was told but `ready`, of all sessions. */
  readonly heard: ServerMessage[] = [];
  connections = 0;
  /** Sessions that were begun. */
  sessions = 0;
  readonly #url: string;
  #socket: WebSocket;
  #session: string | undefined;
  /** What was said in this session and may not have been read; the first has the number `#read + 1`. */
  #kept: Said[] = [];
  #read = 0;
  #last = 0;
  /** What was said and has no final. */
  #unfinished = "";
  #ending = false;
  #left = false;
  #ready = false;
  #onDone: () => void = () => {};
  #onFault: (error: Error) => void = () => {};
  readonly #over = new Promise<void>((resolve, reject) => {
    this.#onDone = resolve;
    this.#onFault = reject;
  });

  /** @param url of the stream, with or without a query of the kind `affinity=…` */
  constructor(url: string) {
    this.#url = url;
    this.#socket = this.#connect();
    this.#over.catch(() => undefined);
  }

  /** The sources of all finals. */
  get source(): string {
    return this.heard.flatMap((message) => (message.type === "final" ? [message.source] : [])).join(" ");
  }

  /** All deltas of all finished segments, each segment's after a space. */
  get translation(): string {
    return this.heard.flatMap((message) => (message.type === "final" ? [message.text] : [])).join(" ");
  }

  /** Resolves when it is connected and has had its `ready`. */
  async ready(): Promise<void> {
    while (!this.#ready) await setTimeout(2);
  }

  /** The last session's name. */
  get session(): string | undefined {
    return this.#session;
  }

  say(text: string): void {
    this.#unfinished += text;
    this.#send({ type: "text", text });
  }

  /** Resolves with `done`; rejects where the server says what it should not. */
  async end(): Promise<void> {
    this.#ending = true;
    this.#send({ type: "end" });
    await this.#over;
  }

  /** Goes away, and does not come back. */
  leave(): void {
    this.#left = true;
    this.#socket.terminate();
  }

  /** The connection is lost; the client comes back by itself. */
  cut(): void {
    this.#ready = false;
    this.#socket.terminate();
  }

  #connect(): WebSocket {
    this.connections += 1;
    this.#ready = false;
    const socket = new WebSocket(this.#url, "souffleur.v1");
    socket.on("error", () => undefined);
    socket.on("open", () => this.#greet(socket));
    socket.on("message", (data) => {
      try {
        if (socket === this.#socket) this.#hear(serverMessageSchema.parse(JSON.parse(String(data))), socket);
      } catch (error) {
        this.#onFault(error as Error);
      }
    });
    socket.on("close", async (code) => {
      if (socket === this.#socket) this.#ready = false;
      if (code === 1000 && this.heard.at(-1)?.type === "done") return this.#onDone();
      await setTimeout(20);
      if (socket === this.#socket && !this.#left) this.#socket = this.#connect();
    });
    return socket;
  }

  /** Leaves the connection as it is and opens another: the server may not have noticed that it is lost. */
  comeBack(): void {
    this.#socket = this.#connect();
  }

  #greet(socket: WebSocket): void {
    const greeting =
      this.#session === undefined
        ? { type: "start", source: "en", target: "de", wait: 2, resume: true }
        : { type: "resume", session: this.#session, seq: this.#last };
    socket.send(JSON.stringify(greeting));
  }

  #hear(message: ServerMessage, socket: WebSocket): void {
    if (message.type === "ready") this.#begin(message.session, message.received ?? 0);
    else if (message.type === "error" && message.seq === undefined) this.#hearOfConnection(message, socket);
    else if (message.type !== "tentative") {
      if (message.seq !== this.#last + 1) throw new Error(`${message.type} ${message.seq} came after ${this.#last}`);
      this.#last += 1;
      this.#forget(message.received ?? 0);
      this.heard.push(message);
      if (message.type === "final") this.#finish(message.source);
      // What a server that goes away did not take is said again to the next.
      const expected = message.type !== "error" || message.fatal || message.code === "shutting_down";
      if (!expected) throw new Error(message.message);
    }
  }

  #begin(session: string, received: number): void {
    if (session !== this.#session) {
      this.sessions += 1;
      this.#session = session;
    }
    this.#ready = true;
    this.#forget(received);
    for (const [index, said] of this.#kept.entries()) this.#write(said, this.#read + index + 1);
  }

  #hearOfConnection(error: ErrorMessage, socket: WebSocket): void {
    if (error.code !== "resume_failed") return;
    this.#session = undefined;
    [this.#read, this.#last] = [0, 0];
    this.#kept = this.#unfinished === "" ? [] : [{ type: "text", text: this.#unfinished }];
    if (this.#ending) this.#kept.push({ type: "end" });
    this.#greet(socket);
  }

  #forget(received: number): void {
    if (received <= this.#read) return;
    this.#kept.splice(0, received - this.#read);
    this.#read = received;
  }

  #finish(source: string): void {
    if (!this.#unfinished.startsWith(source)) throw new Error("a final of what was not said");
    this.#unfinished = this.#unfinished.slice(source.length).trimStart();
  }

  #send(said: Said): void {
    this.#kept.push(said);
    if (this.#ready && this.#socket.readyState === WebSocket.OPEN) this.#write(said, this.#read + this.#kept.length);
  }

  #write(said: Said, seq: number): void {
    this.#socket.send(JSON.stringify({ ...said, seq, received: this.#last }));
  }
}
