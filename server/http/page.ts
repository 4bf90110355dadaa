// The live page's files, read once from server/page/ and served from memory.
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { extname, join, relative, sep } from "node:path";
import type { HttpRequest } from "./request.ts";
import { type HttpResponse, respond, respondProblem } from "./response.ts";

const CONTENT_TYPES: Record<string, string> = {
  ".html": "text/html; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".mjs": "text/javascript; charset=utf-8",
  ".json": "application/json; charset=utf-8",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".ico": "image/x-icon",
  ".woff2": "font/woff2",
  ".txt": "text/plain; charset=utf-8",
};

interface PageFile {
  bytes: Uint8Array;
  contentType: string;
  etag: string;
}

/** `/` is index.html, `/live/{room}` and `/speak/{room}` the pages of rooms; `/assets/x` is the folder's file x. Only files that were there at the start exist. */
export class Page {
  readonly #files: ReadonlyMap<string, PageFile>;

  private constructor(files: ReadonlyMap<string, PageFile>) {
    this.#files = files;
  }

  /** Reads the folder; one that does not exist gives a page without files. */
  static async read(directory: string): Promise<Page> {
    const files = new Map<string, PageFile>();
    const entries = await readdir(directory, { withFileTypes: true, recursive: true }).catch(() => []);
    for (const entry of entries) {
      const contentType = CONTENT_TYPES[extname(entry.name)];
      if (!entry.isFile() || contentType === undefined) continue;
      const path = join(entry.parentPath, entry.name);
      const bytes = await readFile(path);
      const etag = `"${createHash("sha256").update(bytes).digest("base64url").slice(0, 22)}"`;
      files.set(relative(directory, path).split(sep).join("/"), { bytes, contentType, etag });
    }
    return new Page(files);
  }

  /** The paths of its files but the pages themselves, from the server's root without the first slash. */
  get assets(): string[] {
    const names = [...this.#files.keys()].filter((name) => !name.endsWith(".html"));
    return names.map((name) => `assets/${name}`).sort();
  }

  /** Another one whenever one of the files is. */
  get revision(): string {
    return [...this.#files]
      .map(([name, { etag }]) => `${name} ${etag}`)
      .sort()
      .join();
  }

  index(request: HttpRequest): HttpResponse {
    return this.#respond("index.html", request);
  }

  overlay(request: HttpRequest): HttpResponse {
    return this.#respond("overlay.html", request);
  }

  /** The viewer's page of a room, whichever it is. */
  live(request: HttpRequest): HttpResponse {
    return this.#respond("live.html", request);
  }

  /** The speaker's. */
  speak(request: HttpRequest): HttpResponse {
    return this.#respond("speak.html", request);
  }

  /** At the root, so that it may serve the live page while the server cannot. */
  serviceWorker(request: HttpRequest): HttpResponse {
    return this.#respond("service-worker.js", request);
  }

  asset(request: HttpRequest): HttpResponse {
    return this.#respond(request.path.slice("/assets/".length), request);
  }

  #respond(name: string, request: HttpRequest): HttpResponse {
    const file = this.#files.get(name);
    if (file === undefined) return respondProblem(404, "there is no such file");
    // Always asked again, and answered 304 while it is the same: a new version of the server shows at once.
    const headers = { etag: file.etag, "cache-control": "no-cache" };
    const known = request
      .header("if-none-match")
      .split(",")
      .map((tag) => tag.trim().replace(/^W\//, ""));
    if (known.includes(file.etag)) return respond(304, file.contentType, "", headers);
    return respond(200, file.contentType, file.bytes, headers);
  }
}
