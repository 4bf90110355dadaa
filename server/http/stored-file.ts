// A file that is served compressed: read and compressed once, when it is first asked for so.
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";
import type { HttpRequest } from "./request.ts";
import { type HttpResponse, respond } from "./response.ts";

type Encoding = "br" | "gzip" | "identity";

/** Past this a byte less costs many times the work. */
const BROTLI_QUALITY = 5;

const COMPRESS: Record<Encoding, (content: Uint8Array) => Promise<Uint8Array>> = {
  br: (content) => promisify(brotliCompress)(content, { params: { [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY } }),
  gzip: promisify(gzip),
  identity: async (content) => content,
};

export interface StoredFileOptions {
  contentType: string;
  /** Its content, the same at every call. A rejection is told to whoever asks. */
  read(): Promise<Uint8Array>;
  /** Beside the security headers, such as `cache-control`. */
  headers: Record<string, string>;
}

export class StoredFile {
  readonly #options: StoredFileOptions;
  /** Compressed contents; what is served as it is, to few, is read again. */
  readonly #compressed = new Map<Encoding, Promise<Uint8Array>>();

  constructor(options: StoredFileOptions) {
    this.#options = options;
  }

  async respond(request: HttpRequest): Promise<HttpResponse> {
    const { contentType, headers } = this.#options;
    const encoding = encodingFor(request.header("accept-encoding"));
    const encoded: Record<string, string> = encoding === "identity" ? {} : { "content-encoding": encoding };
    const body = await this.#content(encoding);
    return respond(200, contentType, body, { ...headers, ...encoded, vary: "accept-encoding" });
  }

  #content(encoding: Encoding): Promise<Uint8Array> {
    if (encoding === "identity") return this.#options.read();
    const known = this.#compressed.get(encoding);
    if (known !== undefined) return known;
    const content = this.#options.read().then(COMPRESS[encoding]);
    this.#compressed.set(encoding, content);
    // What could not be read may be there the next time.
    content.catch(() => this.#compressed.delete(encoding));
    return content;
  }
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
