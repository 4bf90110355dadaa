// `souffleur/client`: a stream of the protocol `souffleur.v1`, for browsers and Node 20 or later. No dependencies.
export { connect, type SouffleurClient } from "./client.ts";
export { ClientError, type ClientErrorCode } from "./client-error.ts";
export type {
  ClientEvents,
  ClientOptions,
  ClientState,
  Refusal,
  StateChange,
  StreamMessage,
} from "./client-options.ts";
export type { ReconnectSettings } from "./link.ts";
export type {
  DeltaMessage,
  DoneMessage,
  ErrorCode,
  ErrorMessage,
  FinalMessage,
  GlossaryTerm,
  NoticeMessage,
  ReadyMessage,
  ReviseMessage,
  StreamSettings,
  TentativeMessage,
  TextMessage,
  Wait,
} from "./messages.ts";
export type { WithdrawnMessage } from "./seam.ts";
export type { Socket, SocketConstructor } from "./socket.ts";
export { Transcript, type TranscriptSegment } from "./transcript.ts";
