// Test support: recognisers that keep their documented protocols, and hear a recorded session in whatever audio comes.
import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { type WebSocket, WebSocketServer } from "ws";
import { z } from "zod";

const sessionSchema = z.array(z.object({ at: z.number(), message: z.record(z.string(), z.unknown()) }));
type Session = z.infer<typeof sessionSchema>;

export function recordedSession(name: "vosk" | "deepgram"): Session {
  const url = new URL(`../clients/recognisers/fixtures/${name}-session.json`, import.meta.url);
  return sessionSchema.parse(JSON.parse(readFileSync(url, "utf8")));
}

/** What both have: audio in binary frames, whose length says how much of the session was heard. */
abstract class RecogniserDouble {
  /** Bytes of audio, and what was said beside them. */
  audioBytes = 0;
  readonly said: string[] = [];
  /** After so many seconds of audio the connection is gone. */
  diesAt = Number.POSITIVE_INFINITY;
  protected sampleRate = 0;
  protected readonly session: Session;
  #told = 0;
  readonly #server = new WebSocketServer({ port: 0, host: "127.0.0.1" });

  constructor(name: "vosk" | "deepgram") {
    this.session = recordedSession(name);
    this.#server.on("connection", (socket, request) => {
      this.opened(socket, request);
      socket.on("message", (data: Buffer, isBinary) => {
        if (!isBinary) {
          this.said.push(String(data));
          this.told(socket, String(data));
          return;
        }
        this.audioBytes += data.length;
        if (this.audioBytes / 2 / this.sampleRate >= this.diesAt) socket.terminate();
        else this.heard(socket, this.due());
      });
    });
  }

  get url(): string {
    return `ws://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async listen(): Promise<this> {
    if (this.#server.address() === null) await once(this.#server, "listening");
    return this;
  }

  async close(): Promise<void> {
    for (const socket of this.#server.clients) socket.terminate();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  protected abstract opened(socket: WebSocket, request: IncomingMessage): void;
  protected abstract told(socket: WebSocket, text: string): void;
  protected abstract heard(socket: WebSocket, messages: Session): void;

  /** Messages of the session that the audio so far has led to. */
  protected due(seconds = this.audioBytes / 2 / this.sampleRate): Session {
    const messages = this.session.slice(this.#told).filter(({ at }) => at <= seconds);
    this.#told += messages.length;
    return messages;
  }
}

/** vosk-server: its configuration first, then one answer for each piece of audio, and the rest after `eof`. */
export class VoskDouble extends RecogniserDouble {
  #partial: Record<string, unknown> = { partial: "" };

  constructor() {
    super("vosk");
  }

  protected opened(): void {
    this.sampleRate = 8_000;
  }

  protected told(socket: WebSocket, text: string): void {
    if (text === '{"eof" : 1}') {
      for (const { message } of this.due(Number.POSITIVE_INFINITY)) socket.send(JSON.stringify(message));
      socket.close(1000);
      return;
    }
    const { config } = z.object({ config: z.object({ sample_rate: z.number() }) }).parse(JSON.parse(text));
    this.sampleRate = config.sample_rate;
  }

  protected heard(socket: WebSocket, messages: Session): void {
    for (const { message } of messages) {
      socket.send(JSON.stringify(message));
      this.#partial = "partial" in message ? message : { partial: "" };
    }
    if (messages.length === 0) socket.send(JSON.stringify(this.#partial));
  }
}

/** Deepgram: a token in the header, the format in the address, results as they come, `CloseStream` at the end. */
export class DeepgramDouble extends RecogniserDouble {
  constructor() {
    super("deepgram");
  }

  protected opened(socket: WebSocket, request: IncomingMessage): void {
    const { searchParams } = new URL(request.url ?? "", "ws://double");
    const isAllowed = request.headers.authorization === "Token right";
    if (!isAllowed || searchParams.get("encoding") !== "linear16" || searchParams.get("interim_results") !== "true") {
      socket.close(1008, "refused");
    }
    this.sampleRate = Number(searchParams.get("sample_rate"));
  }

  protected told(socket: WebSocket, text: string): void {
    const { type } = z.object({ type: z.enum(["KeepAlive", "Finalize", "CloseStream"]) }).parse(JSON.parse(text));
    if (type !== "CloseStream") return;
    this.heard(socket, this.due(Number.POSITIVE_INFINITY));
    socket.close(1000);
  }

  protected heard(socket: WebSocket, messages: Session): void {
    for (const { message } of messages) socket.send(JSON.stringify(message));
  }
}
