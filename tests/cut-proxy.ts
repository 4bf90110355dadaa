// What lies between a client and a server, and breaks: a TCP proxy whose connections are cut when told to.
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

export class CutProxy {
  cuts = 0;
  readonly #server: Server;
  readonly #pairs = new Set<Socket>();
  #port: number;

  /** @param port of the server behind it */
  constructor(port: number) {
    this.#port = port;
    this.#server = createServer((near) => {
      const far = connect(this.#port, "127.0.0.1");
      for (const socket of [near, far]) {
        this.#pairs.add(socket);
        socket.setNoDelay(true);
        socket.on("error", () => {});
        socket.on("close", () => {
          this.#pairs.delete(socket);
          near.destroy();
          far.destroy();
        });
      }
      near.pipe(far);
      far.pipe(near);
    });
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return `ws://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** New connections go to another server. */
  leadTo(port: number): void {
    this.#port = port;
  }

  /** Resets every connection, with whatever is on its way. */
  cut(): void {
    if (this.#pairs.size > 0) this.cuts += 1;
    for (const socket of this.#pairs) socket.resetAndDestroy();
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
