// Doubles of the caption platforms: they keep the documented rules, answer as documented, and remember what they took.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface TakenPost {
  seq: number;
  body: string;
  language?: string;
}

/** What YouTube and Zoom have in common: HTTP, a counter, a body of text, failures on demand. */
abstract class PlatformDouble {
  readonly taken: TakenPost[] = [];
  /** Requests as they came, with the status that they were answered: `POST 1 200`. */
  readonly log: string[] = [];
  /** Statuses that answer the next posts in the place of what they deserve; "lost" takes the post and answers nothing. */
  failures: (number | "lost")[] = [];
  readonly #server: Server;

  constructor() {
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  protected abstract take(url: URL, body: string): number;
  protected abstract answerTo(url: URL): string;
  protected get(_url: URL): string | undefined {
    return undefined;
  }

  /** The rule of the counter: one more with each new caption, the same when a caption is tried again. */
  protected takeNumbered(post: TakenPost): number {
    const last = this.taken.at(-1);
    if (last !== undefined && post.seq === last.seq) return post.body === last.body ? 200 : 400;
    if (last !== undefined && post.seq <= last.seq) return 400;
    this.taken.push(post);
    return 200;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(Buffer.from(chunk));
    const url = new URL(request.url ?? "/", "http://platform");
    if (request.method === "GET") {
      const body = this.get(url);
      this.log.push(`GET ${body === undefined ? 405 : 200}`);
      response.writeHead(body === undefined ? 405 : 200).end(body);
      return;
    }
    const failure = this.failures.shift();
    const status = typeof failure === "number" ? failure : this.#judge(request, url, Buffer.concat(chunks));
    this.log.push(`${request.method} ${url.searchParams.get("seq")} ${failure ?? status}`);
    if (failure === "lost") {
      request.socket.destroy();
      return;
    }
    response.writeHead(status, status === 302 ? { location: "/elsewhere" } : {}).end(this.answerTo(url));
  }

  #judge(request: IncomingMessage, url: URL, bytes: Buffer): number {
    if (request.method !== "POST") return 405;
    if (!/^text\/plain(?:;\s*charset=utf-8)?$/i.test(request.headers["content-type"] ?? "")) return 400;
    const given = (name: string) => (url.searchParams.get(name) ?? "") !== "";
    if (!["id", "ns", "expire", "signature"].every(given) || !/^\d+$/.test(url.searchParams.get("seq") ?? ""))
      return 403;
    try {
      return this.take(url, new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    } catch {
      return 400;
    }
  }
}

const STAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}(?: region:[\w-]+(?:#[\w-]+)?)?$/;

/** "Closed Captions over HTTP for YouTube Live Streams". */
export class YoutubeDouble extends PlatformDouble {
  /** What its clock shows more than ours. Milliseconds. */
  clockAheadMs = 0;

  async url(): Promise<string> {
    return `${await this.listen()}/closedcaption?id=stream&ns=name&sparams=id%2Cns%2Cexpire&expire=1349539164&signature=AB.CD&key=yt_qc`;
  }

  protected override take(url: URL, body: string): number {
    // The signature holds for the parameters as they were written.
    if (url.searchParams.get("key") !== "yt_qc" || !url.search.includes("sparams=id%2Cns%2Cexpire")) return 403;
    const lines = body.split("\n");
    if (lines.pop() !== "" || lines.length === 0 || lines.length % 2 !== 0) return 400;
    if (lines.some((line, index) => (index % 2 === 0 ? !STAMP.test(line) : line.trim() === ""))) return 400;
    return this.takeNumbered({ seq: Number(url.searchParams.get("seq")), body });
  }

  protected override answerTo(): string {
    return new Date(Date.now() + this.clockAheadMs).toISOString().replace("Z", "");
  }
}

/** "Closed Captioning with REST API" of Zoom. */
export class ZoomDouble extends PlatformDouble {
  started = true;

  async url(): Promise<string> {
    return `${await this.listen()}/closedcaption?id=200610693&ns=GZHkEA==&expire=86400&sparams=id%2Cns%2Cexpire&signature=nYt.XJ`;
  }

  protected override get(url: URL): string | undefined {
    return url.pathname === "/closedcaption/seq" ? String(this.taken.at(-1)?.seq ?? 0) : undefined;
  }

  protected override take(url: URL, body: string): number {
    if (!this.started) return 400;
    const language = url.searchParams.get("lang") ?? "";
    if (!/^[a-z]{2,3}-[A-Z]{2}$/.test(language) || body.trim() === "") return 400;
    return this.takeNumbered({ seq: Number(url.searchParams.get("seq")), body, language });
  }

  protected override answerTo(): string {
    return new Date().toISOString().replace("Z", "");
  }
}
