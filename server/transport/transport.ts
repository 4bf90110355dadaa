// What a transport is: it listens, hands connections and requests to the application, and carries frames.
import type { Shown } from "../admission/caller.ts";
import type { HttpRequest } from "../http/request.ts";
import type { HttpResponse } from "../http/response.ts";
import type { CloseCode } from "../protocol/close-codes.ts";
import { OUTBOX_MAX_BYTES, ROOM_BACKLOG_BYTES, UNAUTHORIZED_TIMEOUT_MS } from "../protocol/limits.ts";

/** One open WebSocket, as the application sees it. Calls after its end do nothing. */
export interface Connection {
  /** Bytes handed over that the peer has not taken yet. */
  readonly bufferedBytes: number;
  /** Sends a text frame. A frame that the adapter cannot hold cuts the connection: none is left out silently. */
  send(frame: string): void;
  /**
   * Sends what is buffered, then the close frame. `closed` follows, at the latest after `timeoutMs`, when a peer that does
   * not answer is cut off. Messages that come after this call are dropped.
   *
   * @param timeoutMs the settings' `closeTimeoutMs` by default
   */
  close(code: CloseCode, reason: string, timeoutMs?: number): void;
  /**
   * From now on takes what is published to the topic, after what was sent before.
   *
   * @param onSlow called once, in the place of a frame for which the peer's backlog (`topicBacklogMaxBytes`) has no room:
   *   it takes no more of the topic, which waits for nobody
   */
  subscribe(topic: string, onSlow: () => void): void;
}

/** What the application does with one connection. Its methods must not throw. */
export interface ConnectionHandler {
  /** A text frame as a string, a binary frame as bytes (valid during the call only). */
  message(frame: string | Uint8Array): void;
  /** The connection is gone, whoever closed it. Called once; `code` is what was in the close frame, 1006 without one. */
  closed(code: number): void;
}

/** The request that opened a connection. */
export type StreamRequest = Shown;

export interface Application {
  /** A connection on STREAM_PATH was opened. */
  connect(connection: Connection, request: StreamRequest): ConnectionHandler;
  /** A connection on a path below CAPTIONS_PATH or ROOMS_PATH was opened. */
  watch?(connection: Connection, request: StreamRequest & { path: string }): ConnectionHandler;
  /** Everything else; never rejects. */
  respond(request: HttpRequest): Promise<HttpResponse>;
}

export interface TransportSettings {
  /**
   * Bytes of a frame that are read at all. Above the protocol's limit, so that a message between the two is told in
   * band what is wrong; past this one the connection is cut (1009 or 1006, as the adapter can).
   */
  frameMaxBytes: number;
  /** Bytes of an HTTP body that are kept. */
  bodyMaxBytes: number;
  /** A peer that answers no ping for this long is gone. Milliseconds. */
  keepAliveMs: number;
  /** Bytes that an adapter with a limit of its own holds for one peer; far above what the application lets wait. */
  backpressureMaxBytes: number;
  /** Bytes that may wait for a connection that takes topics. */
  topicBacklogMaxBytes: number;
  /**
   * How long a request's head may take to come: who never finishes it holds no connection for longer. Milliseconds;
   * uWebSockets.js has 10 seconds of its own.
   */
  headTimeoutMs: number;
  /** How long a closing handshake may take. Milliseconds. */
  closeTimeoutMs: number;
}

export interface Transport {
  readonly name: "uws" | "ws" | "memory";
  /** @returns the port, also where 0 was asked for. Rejects where it cannot be had. */
  listen(port: number, host: string): Promise<number>;
  /** Sends a frame to all who have subscribed to the topic. @returns how many have */
  publish(topic: string, frame: string): number;
  /** Stops listening and ends every connection that is left without ceremony. */
  close(): Promise<void>;
}

export const DEFAULT_TRANSPORT_SETTINGS: TransportSettings = {
  frameMaxBytes: 1024 * 1024,
  bodyMaxBytes: 1024 * 1024,
  keepAliveMs: 60_000,
  backpressureMaxBytes: 4 * OUTBOX_MAX_BYTES,
  topicBacklogMaxBytes: ROOM_BACKLOG_BYTES,
  headTimeoutMs: UNAUTHORIZED_TIMEOUT_MS,
  closeTimeoutMs: 5_000,
};
