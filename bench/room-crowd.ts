// Many viewers of one room in one process: when each frame came, and whether any was missing.
import WebSocket from "ws";
import { z } from "zod";
import { roomMessageSchema } from "../server/protocol/room-messages.ts";

export const crowdOptionsSchema = z.object({
  /** The room's WebSocket, with its language. */
  url: z.string(),
  viewers: z.number(),
});

const crowdResultSchema = z.object({
  /** Viewers whose connection did not last. */
  cutOff: z.number(),
  /** Frames that a viewer should have had before one that came. */
  missed: z.number(),
  frames: z.number(),
  /** The number of the last frame, of the viewer that has come least far. */
  leastSeq: z.number(),
  /** Deltas by how late they came: tenths of a millisecond, and how many. */
  tenths: z.array(z.tuple([z.number(), z.number()])),
});

export const crowdMessageSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("connected") }),
  z.object({ type: z.literal("result"), result: crowdResultSchema }),
  z.object({ type: z.literal("failure"), message: z.string() }),
]);

export type CrowdOptions = z.infer<typeof crowdOptionsSchema>;
export type CrowdResult = z.infer<typeof crowdResultSchema>;
export type CrowdMessage = z.infer<typeof crowdMessageSchema>;

/** Connections that are opened at once. */
const OPENING = 50;
const CONNECT_TIMEOUT_MS = 30_000;

export class RoomCrowd {
  readonly #options: CrowdOptions;
  readonly #sockets: WebSocket[] = [];
  readonly #tenths = new Map<number, number>();
  readonly #seqs: number[] = [];
  #measuring = false;
  #cutOff = 0;
  #missed = 0;
  #frames = 0;
  #ended = false;
  /** The frame that came last: the next viewer's is most often the same. */
  #last = { text: "", seq: 0, at: 0, isState: true };

  constructor(options: CrowdOptions) {
    this.#options = options;
  }

  /** Resolves when all viewers are there. Rejects where one cannot come. */
  async connect(): Promise<void> {
    const { viewers } = this.#options;
    for (let from = 0; from < viewers; from += OPENING) {
      const group = Array.from({ length: Math.min(OPENING, viewers - from) }, (_, index) => this.#open(from + index));
      await Promise.all(group);
    }
  }

  /** From now on latencies count. */
  measure(): void {
    this.#measuring = true;
  }

  /** What was seen; the viewers go. */
  end(): CrowdResult {
    this.#ended = true;
    for (const socket of this.#sockets) socket.terminate();
    return {
      cutOff: this.#cutOff,
      missed: this.#missed,
      frames: this.#frames,
      leastSeq: Math.min(...this.#seqs),
      tenths: [...this.#tenths],
    };
  }

  #open(viewer: number): Promise<void> {
    const socket = new WebSocket(this.#options.url, {
      perMessageDeflate: false,
      skipUTF8Validation: true,
      handshakeTimeout: CONNECT_TIMEOUT_MS,
    });
    this.#sockets.push(socket);
    return new Promise((resolve, reject) => {
      socket.on("error", reject);
      socket.on("close", (code) => {
        if (!this.#ended) this.#cutOff += 1;
        reject(new Error(`a viewer was refused (${code})`));
      });
      socket.on("message", (data) => {
        this.#take(viewer, String(data));
        resolve();
      });
    });
  }

  #take(viewer: number, text: string): void {
    const now = performance.timeOrigin + performance.now();
    if (text !== this.#last.text) this.#last = { text, ...read(text) };
    const { seq, at, isState } = this.#last;
    this.#frames += 1;
    if (!isState && seq !== this.#seqs[viewer] + 1) this.#missed += 1;
    this.#seqs[viewer] = seq;
    if (!this.#measuring || at === 0) return;
    // Two processes' clocks may differ by a few hundredths of a millisecond.
    const tenths = Math.max(0, Math.round((now - at) * 10));
    this.#tenths.set(tenths, (this.#tenths.get(tenths) ?? 0) + 1);
  }
}

function read(text: string): { seq: number; at: number; isState: boolean } {
  const message = roomMessageSchema.parse(JSON.parse(text));
  return { seq: message.seq, at: message.type === "delta" ? message.at : 0, isState: message.type === "room" };
}
