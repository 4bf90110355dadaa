// A WebSocket client that sends whatever octets it is told to, right or wrong, and reports what came back.
import { connect, type Socket } from "node:net";
import { STREAM_PATH } from "../protocol/limits.ts";

export const OPCODES = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

export interface RawFrame {
  opcode: number;
  payload?: Uint8Array | string;
  /** Default true. */
  fin?: boolean;
  /** The three reserved bits as a number. Default 0. */
  reserved?: number;
  /** Clients must. Default true. */
  masked?: boolean;
}

/** What the server did until the connection ended. */
export interface RawOutcome {
  texts: string[];
  pongs: string[];
  /** The code in its close frame; 1005 for one without a code, 1006 where none came. */
  code: number;
}

export function encodeFrame({ opcode, payload = "", fin = true, reserved = 0, masked = true }: RawFrame): Buffer {
  const data = typeof payload === "string" ? Buffer.from(payload) : Buffer.from(payload);
  const head = [(fin ? 0x80 : 0) | (reserved << 4) | opcode];
  const mask = masked ? 0x80 : 0;
  if (data.length < 126) head.push(mask | data.length);
  else if (data.length < 65_536) head.push(mask | 126, data.length >> 8, data.length & 255);
  else head.push(mask | 127, 0, 0, 0, 0, ...[24, 16, 8, 0].map((shift) => (data.length >>> shift) & 255));
  if (!masked) return Buffer.concat([Buffer.from(head), data]);
  const key = Buffer.from([0x37, 0xfa, 0x21, 0x3d]);
  const hidden = Buffer.from(data.map((octet, index) => octet ^ key[index % 4]));
  return Buffer.concat([Buffer.from(head), key, hidden]);
}

/** The payload of a close frame. */
export function closePayload(code: number, reason: Uint8Array | string = ""): Buffer {
  return Buffer.concat([Buffer.from([code >> 8, code & 255]), Buffer.from(reason)]);
}

export class RawClient {
  readonly texts: string[] = [];
  readonly pongs: string[] = [];
  readonly #socket: Socket;
  #code = 1006;
  #input = Buffer.alloc(0);
  #upgraded = false;
  #onUpgrade: () => void = () => {};
  #onEnd: () => void = () => {};
  #ended = false;
  onFrame: () => void = () => {};

  private constructor(port: number, query: string) {
    this.#socket = connect(port, "127.0.0.1");
    this.#socket.setNoDelay(true);
    this.#socket.on("error", () => undefined);
    this.#socket.on("data", (data) => this.#read(data));
    this.#socket.on("close", () => {
      this.#ended = true;
      this.#onUpgrade();
      this.#onEnd();
    });
    this.#socket.write(
      `GET ${STREAM_PATH}${query} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    );
  }

  /** @param query with its `?` */
  static async open(port: number, query = ""): Promise<RawClient> {
    const client = new RawClient(port, query);
    await new Promise<void>((resolve) => {
      client.#onUpgrade = resolve;
    });
    return client;
  }

  get ended(): boolean {
    return this.#ended;
  }

  send(frame: RawFrame): void {
    this.write(encodeFrame(frame));
  }

  write(octets: Uint8Array): void {
    if (!this.#ended) this.#socket.write(octets);
  }

  /** Writes so many octets at a time, each in a packet of its own as far as the system lets it. */
  async chop(octets: Uint8Array, size: number): Promise<void> {
    for (let at = 0; at < octets.length && !this.#ended; at += size) {
      this.#socket.write(octets.subarray(at, at + size));
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** Resolves when the connection is gone. */
  async outcome(): Promise<RawOutcome> {
    if (!this.#ended) {
      await new Promise<void>((resolve) => {
        this.#onEnd = resolve;
      });
    }
    return { texts: this.texts, pongs: this.pongs, code: this.#code };
  }

  #read(data: Buffer): void {
    this.#input = Buffer.concat([this.#input, data]);
    if (!this.#upgraded) {
      const end = this.#input.indexOf("\r\n\r\n");
      if (end < 0) return;
      this.#upgraded = true;
      this.#input = this.#input.subarray(end + 4);
      this.#onUpgrade();
    }
    while (this.#next());
  }

  /** Reads one frame of the server: never masked, and of the length that its header says. */
  #next(): boolean {
    const input = this.#input;
    if (input.length < 2) return false;
    const short = input[1] & 127;
    const start = short < 126 ? 2 : short === 126 ? 4 : 10;
    if (input.length < start) return false;
    const length = short < 126 ? short : short === 126 ? input.readUInt16BE(2) : Number(input.readBigUInt64BE(2));
    if (input.length < start + length) return false;
    const payload = Buffer.from(input.subarray(start, start + length));
    this.#input = input.subarray(start + length);
    this.#take(input[0] & 15, payload);
    return true;
  }

  #take(opcode: number, payload: Buffer): void {
    if (opcode === OPCODES.text) this.texts.push(payload.toString("utf8"));
    if (opcode === OPCODES.pong) this.pongs.push(payload.toString("latin1"));
    if (opcode === OPCODES.close) {
      this.#code = payload.length < 2 ? 1005 : payload.readUInt16BE(0);
      this.#socket.end(encodeFrame({ opcode: OPCODES.close, payload }));
    }
    this.onFrame();
  }
}
