// What a stream is opened with, and what it tells its program.
import type { ClientError } from "./client-error.ts";
import type { ReconnectSettings } from "./link.ts";
import type {
  DeltaMessage,
  DoneMessage,
  ErrorMessage,
  FinalMessage,
  NoticeMessage,
  ReadyMessage,
  ReviseMessage,
  StreamSettings,
  TentativeMessage,
  TextMessage,
} from "./messages.ts";
import type { WithdrawnMessage } from "./seam.ts";
import type { SocketConstructor } from "./socket.ts";

export interface ClientOptions extends StreamSettings {
  /** The server's address, such as `wss://captions.example`, or the stream's own. */
  url: string | URL;
  /** The key, where the server needs one. Not for pages: use `token`. */
  key?: string;
  /** Fetches a short-lived token from your own server (`POST /v1/token`). Called for every connection. */
  token?: (signal: AbortSignal) => string | Promise<string>;
  /** Aborts everything: the stream is left, and whatever waits is rejected with the signal's reason. */
  signal?: AbortSignal;
  /** The constructor to use where the environment has none. */
  WebSocket?: SocketConstructor;
  /** Pauses between attempts; false: a lost connection ends the stream. */
  reconnect?: Partial<ReconnectSettings> | false;
  /** Characters that may wait to be sent before `send` waits. 64,000 by default. */
  bufferCharacters?: number;
  /** Milliseconds between pings, which keep an idle stream open and find a dead connection. 15,000 by default; 0: none. */
  pingMs?: number;
}

/** `waiting`: the connection is lost, and another is tried after a pause. */
export type ClientState = "connecting" | "open" | "waiting" | "closed";

export interface StateChange {
  state: ClientState;
  /** Why the connection is not open. */
  reason?: ClientError;
  retryInMs?: number;
}

/** An error that the stream outlives. `said`: the text that the server did not take, and that is not sent again by itself. */
export interface Refusal extends ErrorMessage {
  said?: TextMessage | ReviseMessage;
}

/** What `for await` gives. */
export type StreamMessage =
  | DeltaMessage
  | TentativeMessage
  | FinalMessage
  | WithdrawnMessage
  | NoticeMessage
  | Refusal
  | DoneMessage;

type MessageEvents = { [Message in StreamMessage as Message["type"]]: Message };

export interface ClientEvents extends MessageEvents {
  /** Each time a connection is ready. */
  ready: ReadyMessage;
  state: StateChange;
  /** The stream is over; with the error that ended it, if one did. */
  close: ClientError | undefined;
}
