// A file that is served compressed: read and compressed once, when it is first asked for so.
import { promisify } from "node:util";
import { brotliCompress, constants, gunzip, gzip } from "node:zlib";
import type { HttpRequest } from "./request.ts";
import { type HttpResponse, respond } from "./response.ts";

type Encoding = "br" | "gzip" | "identity";

/** Past this a byte less costs many times the work. */
const BROTLI_QUALITY = 5;

const COMPRESS: Record<Exclude<Encoding, "identity">, (content: Uint8Array) => Promise<Uint8Array>> = {
  br: (content) => promisify(brotliCompress)(content, { params: { [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY } }),
  gzip: promisify(gzip),
};

export interface StoredFileOptions {
  contentType: string;
  /** Its content, for each way to compress it once. A rejection is told to whoever asks. */
  read(): Promise<Uint8Array>;
  /** Beside the security headers: `cache-control`; `etag`, where clients ask whether it is still the same. */
  headers: Record<string, string>;
}

export class StoredFile {
  readonly #options: StoredFileOptions;
  readonly #compressed = new Map<keyof typeof COMPRESS, Promise<Uint8Array>>();

  constructor(options: StoredFileOptions) {
    this.#options = options;
  }

  async respond(request: HttpRequest): Promise<HttpResponse> {
    const { contentType, headers } = this.#options;
    if (headers.etag !== undefined && knows(request, headers.etag)) return respond(304, contentType, "", headers);
    const encoding = encodingFor(request.header("accept-encoding"));
    const encoded: Record<string, string> = encoding === "identity" ? {} : { "content-encoding": encoding };
    const body = await this.#content(encoding);
    return respond(200, contentType, body, { ...headers, ...encoded, vary: "accept-encoding" });
  }

  async #content(encoding: Encoding): Promise<Uint8Array> {
    // Few ask for it as it is: nobody may make this thread read and check a file again and again.
    if (encoding === "identity") return promisify(gunzip)(await this.#content("gzip"));
    const known = this.#compressed.get(encoding);
    if (known !== undefined) return known;
    const content = this.#options.read().then(COMPRESS[encoding]);
    this.#compressed.set(encoding, content);
    // What could not be read may be there the next time.
    content.catch(() => this.#compressed.delete(encoding));
    return content;
  }
}

/** Whether the client has the content already; a proxy that compresses makes a tag weak. */
function knows(request: HttpRequest, etag: string): boolean {
  const tags = request.header("if-none-match").split(",");
  return tags.some((tag) => tag.trim().replace(/^W\//, "") === etag);
}

/** The best that the client takes, by the names in its header; what it weighs with 0 it does not take. */
function encodingFor(accepted: string): Encoding {
  const names = accepted
    .split(",")
    .map((part) => part.trim().toLowerCase())
    .filter((part) => !/;\s*q=0(\.0*)?$/.test(part))
    .map((part) => part.split(";")[0].trim());
  return names.includes("br") ? "br" : names.includes("gzip") ? "gzip" : "identity";
}
