// A connection to OBS over obs-websocket 5: hello, identification, requests and their answers.
import { createHash } from "node:crypto";
import { WebSocket } from "ws";
import { z } from "zod";
import { checkedLookup, checkHost } from "./outbound-address.ts";

export interface ObsAddress {
  /** `ws://host:4455` */
  url: string;
  password?: string;
  allowPrivate: boolean;
}

/** OBS will not talk to us: wrong password, another version of the protocol. */
export class ObsRefused extends Error {
  override readonly name = "ObsRefused";
}

const RPC_VERSION = 1;
const OP = { hello: 0, identify: 1, identified: 2, request: 6, response: 7 } as const;
const FRAME_MAX_BYTES = 64 * 1024;

const helloSchema = z.object({
  rpcVersion: z.int(),
  authentication: z.object({ challenge: z.string(), salt: z.string() }).optional(),
});
const responseSchema = z.object({
  requestId: z.string(),
  requestStatus: z.object({ result: z.boolean(), code: z.int(), comment: z.string().optional() }),
});
const frameSchema = z.object({ op: z.int(), d: z.record(z.string(), z.unknown()) });

export type ObsStatus = z.infer<typeof responseSchema>["requestStatus"];

/** `authentication` of Identify: base64(sha256(base64(sha256(password + salt)) + challenge)). */
export function obsAuthentication(password: string, { challenge, salt }: { challenge: string; salt: string }): string {
  const digest = (text: string) => createHash("sha256").update(text).digest("base64");
  return digest(digest(password + salt) + challenge);
}

export class ObsConnection {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<string, { resolve(status: ObsStatus): void; reject(error: Error): void }>();
  #requests = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on("message", (data) => this.#take(String(data)));
    socket.on("close", () => this.#fail(new Error("the connection to OBS was closed")));
  }

  /** Connects and identifies. Rejects with ObsRefused, AddressRefused, or what the network says. */
  static async open({ url, password, allowPrivate }: ObsAddress, signal: AbortSignal): Promise<ObsConnection> {
    checkHost(new URL(url), allowPrivate);
    const socket = new WebSocket(url, "obswebsocket.json", {
      lookup: checkedLookup(allowPrivate),
      followRedirects: false,
      maxPayload: FRAME_MAX_BYTES,
      perMessageDeflate: false,
    });
    await identify(socket, password, signal);
    return new ObsConnection(socket);
  }

  get open(): boolean {
    return this.#socket.readyState === WebSocket.OPEN;
  }

  /** Sends a request; resolves with the status that OBS answers. Rejects where none comes. */
  request(
    requestType: string,
    requestData: Readonly<Record<string, unknown>>,
    signal: AbortSignal,
  ): Promise<ObsStatus> {
    this.#requests += 1;
    const requestId = String(this.#requests);
    return new Promise((resolve, reject) => {
      const giveUp = () => {
        this.#waiting.delete(requestId);
        reject(new Error("OBS did not answer"));
      };
      signal.addEventListener("abort", giveUp, { once: true });
      const done = () => signal.removeEventListener("abort", giveUp);
      this.#waiting.set(requestId, {
        resolve: (status) => {
          done();
          resolve(status);
        },
        reject: (error) => {
          done();
          reject(error);
        },
      });
      this.#socket.send(JSON.stringify({ op: OP.request, d: { requestType, requestId, requestData } }));
    });
  }

  close(): void {
    this.#socket.terminate();
  }

  #take(frame: string): void {
    const message = parseFrame(frame);
    if (message?.op !== OP.response) return;
    const response = responseSchema.safeParse(message.d);
    if (!response.success) return;
    const { requestId, requestStatus } = response.data;
    this.#waiting.get(requestId)?.resolve(requestStatus);
    this.#waiting.delete(requestId);
  }

  #fail(error: Error): void {
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}

/** Hello, Identify, Identified. No events are asked for. */
function identify(socket: WebSocket, password: string | undefined, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => {
      socket.terminate();
      reject(error);
    };
    const giveUp = () => fail(new Error("OBS did not answer"));
    signal.addEventListener("abort", giveUp, { once: true });
    socket.on("error", fail);
    socket.on("close", (code) =>
      fail(
        code === 4009
          ? new ObsRefused("OBS: wrong password")
          : code >= 4000
            ? new ObsRefused(`OBS closed with ${code}`)
            : new Error("closed"),
      ),
    );
    socket.on("message", (data) => {
      const message = parseFrame(String(data));
      if (message?.op === OP.hello) {
        const hello = helloSchema.safeParse(message.d);
        if (!hello.success || hello.data.rpcVersion < RPC_VERSION)
          return fail(new ObsRefused("this is no obs-websocket 5"));
        const { authentication } = hello.data;
        if (authentication !== undefined && password === undefined)
          return fail(new ObsRefused("OBS asks for a password"));
        const answer =
          authentication === undefined ? {} : { authentication: obsAuthentication(password ?? "", authentication) };
        return socket.send(
          JSON.stringify({ op: OP.identify, d: { rpcVersion: RPC_VERSION, eventSubscriptions: 0, ...answer } }),
        );
      }
      if (message?.op !== OP.identified) return undefined;
      signal.removeEventListener("abort", giveUp);
      socket.removeAllListeners();
      socket.on("error", () => socket.terminate());
      return resolve();
    });
  });
}

function parseFrame(frame: string): z.infer<typeof frameSchema> | undefined {
  try {
    return frameSchema.safeParse(JSON.parse(frame)).data;
  } catch {
    return undefined;
  }
}
