// A double of OBS with obs-websocket 5: it asks for the password, keeps the order of the handshake, and takes captions.
import { createHash, randomBytes } from "node:crypto";
import type { AddressInfo } from "node:net";
import { type WebSocket, WebSocketServer } from "ws";

/** Close codes of obs-websocket (WebSocketCloseCode). */
const CLOSE = {
  missingDataField: 4003,
  unknownOpCode: 4006,
  notIdentified: 4007,
  alreadyIdentified: 4008,
  authenticationFailed: 4009,
  unsupportedRpcVersion: 4010,
};

export class ObsDouble {
  readonly captions: string[] = [];
  connections = 0;
  /** Without it `SendStreamCaption` is answered with 501, OutputNotRunning. */
  streaming = true;
  /** Takes requests and answers none. */
  silent = false;
  readonly #password: string | undefined;
  #server: WebSocketServer | undefined;

  constructor(password?: string) {
    this.#password = password;
  }

  async listen(port = 0): Promise<string> {
    const server = new WebSocketServer({
      host: "127.0.0.1",
      port,
      handleProtocols: (offered) => (offered.has("obswebsocket.json") ? "obswebsocket.json" : false),
    });
    this.#server = server;
    await new Promise<void>((resolve) => server.once("listening", resolve));
    server.on("connection", (socket) => this.#greet(socket));
    return `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    for (const socket of this.#server?.clients ?? []) socket.terminate();
    await new Promise((resolve) => this.#server?.close(resolve) ?? resolve(undefined));
  }

  #greet(socket: WebSocket): void {
    this.connections += 1;
    const challenge = randomBytes(32).toString("base64");
    const salt = randomBytes(32).toString("base64");
    const authentication = this.#password === undefined ? {} : { authentication: { challenge, salt } };
    let identified = false;
    socket.send(JSON.stringify({ op: 0, d: { obsWebSocketVersion: "5.5.4", rpcVersion: 1, ...authentication } }));
    socket.on("message", (data) => {
      const { op, d } = JSON.parse(String(data));
      if (op === 1) {
        if (identified) return socket.close(CLOSE.alreadyIdentified);
        if (d.rpcVersion !== 1) return socket.close(CLOSE.unsupportedRpcVersion);
        if (this.#password !== undefined && d.authentication !== this.#answer(challenge, salt)) {
          return socket.close(CLOSE.authenticationFailed);
        }
        identified = true;
        return socket.send(JSON.stringify({ op: 2, d: { negotiatedRpcVersion: 1 } }));
      }
      if (!identified) return socket.close(CLOSE.notIdentified);
      if (op !== 6) return socket.close(CLOSE.unknownOpCode);
      if (typeof d.requestType !== "string" || typeof d.requestId !== "string")
        return socket.close(CLOSE.missingDataField);
      if (this.silent) return undefined;
      const requestStatus = this.#status(d);
      return socket.send(
        JSON.stringify({ op: 7, d: { requestType: d.requestType, requestId: d.requestId, requestStatus } }),
      );
    });
  }

  #status({ requestType, requestData }: { requestType: string; requestData?: { captionText?: unknown } }) {
    if (requestType !== "SendStreamCaption") return { result: false, code: 204 };
    if (!this.streaming) return { result: false, code: 501, comment: "The output is not running." };
    if (typeof requestData?.captionText !== "string") return { result: false, code: 300 };
    this.captions.push(requestData.captionText);
    return { result: true, code: 100 };
  }

  #answer(challenge: string, salt: string): string {
    const secret = createHash("sha256").update(`${this.#password}${salt}`).digest("base64");
    return createHash("sha256").update(`${secret}${challenge}`).digest("base64");
  }
}
