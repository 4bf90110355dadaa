// What the client needs of a WebSocket: the browser's, Node's own from 22 on, or the one of the package `ws`.
import { ClientError } from "./client-error.ts";

/** The part of the standard's WebSocket that is used here; those of browsers, Node and `ws` have it. */
export interface Socket {
  readonly readyState: number;
  /** Bytes that were given to it and have not left yet. */
  readonly bufferedAmount: number;
  send(data: string): void;
  close(code?: number, reason?: string): void;
  addEventListener(type: "open" | "message" | "close" | "error", listener: (event: never) => void): void;
}

export type SocketConstructor = new (url: string, protocols: string) => Socket;

export const OPEN = 1;

/** The environment's own WebSocket. Where there is none, as in Node 20, that of `ws`, if it is installed. */
export async function findSocket(): Promise<SocketConstructor> {
  const own: { WebSocket?: unknown } = globalThis;
  if (isSocketConstructor(own.WebSocket)) return own.WebSocket;
  // Not a literal: a bundler for browsers would look for it.
  const name = "ws";
  const installed: unknown = await import(/* @vite-ignore */ /* webpackIgnore: true */ name).catch(() => undefined);
  if (typeof installed === "object" && installed !== null) {
    for (const key of ["WebSocket", "default"]) {
      const found: unknown = Reflect.get(installed, key);
      if (isSocketConstructor(found)) return found;
    }
  }
  throw new ClientError(
    "no_websocket",
    "there is no WebSocket here: use Node 22 or later, install the package ws, or pass a constructor as WebSocket",
  );
}

function isSocketConstructor(value: unknown): value is SocketConstructor {
  return typeof value === "function";
}

/**
 * The address of the stream: a server's own address is enough, and http is as good as ws. With a key of its own, by which a
 * load balancer leads all connections of the stream to the same server; it is no secret.
 */
export function streamUrl(given: string | URL): URL {
  const url = new URL(given);
  url.protocol = url.protocol.replace(/^http/, "ws");
  if (url.pathname === "/") url.pathname = "/v1/stream";
  if (!url.searchParams.has("affinity")) url.searchParams.set("affinity", Math.random().toString(36).slice(2));
  return url;
}
