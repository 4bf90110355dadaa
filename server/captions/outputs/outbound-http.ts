// HTTP requests to sinks: to checked addresses only, no redirect followed, no more read of an answer than is used.
import { request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { checkedLookup, checkHost } from "./outbound-address.ts";

export interface OutboundRequest {
  method: "GET" | "POST";
  /** `http:` or `https:`. */
  url: URL;
  contentType?: string;
  body?: string;
  allowPrivate: boolean;
  signal: AbortSignal;
}

export interface OutboundResponse {
  status: number;
  body: string;
}

/** What platforms answer is a number or a time. */
const ANSWER_MAX_BYTES = 4096;

/**
 * Rejects where the host cannot be reached, may not be (AddressRefused), or the signal is aborted. A redirect is an
 * answer like any other: it could lead anywhere.
 */
export function requestOutbound({
  method,
  url,
  contentType,
  body,
  allowPrivate,
  signal,
}: OutboundRequest): Promise<OutboundResponse> {
  return new Promise((resolve, reject) => {
    checkHost(url, allowPrivate);
    const send = url.protocol === "https:" ? requestHttps : requestHttp;
    const bytes = body === undefined ? undefined : Buffer.from(body, "utf8");
    const headers: Record<string, string> = {};
    if (contentType !== undefined) headers["content-type"] = contentType;
    if (bytes !== undefined) headers["content-length"] = String(bytes.byteLength);
    const outgoing = send(url, { method, headers, signal, lookup: checkedLookup(allowPrivate) }, (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on("data", (chunk: Buffer) => {
        size += chunk.byteLength;
        if (size <= ANSWER_MAX_BYTES) chunks.push(chunk);
        else outgoing.destroy(new Error("the answer is longer than any that is expected"));
      });
      response.on("end", () =>
        resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString("utf8") }),
      );
      response.on("error", reject);
    });
    outgoing.on("error", reject);
    outgoing.end(bytes);
  });
}
