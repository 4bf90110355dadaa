// The limits of protocol `souffleur.v1`: what a client may send, and how much may wait to be sent to it.

/** The WebSocket subprotocol, also given as `protocol` in `ready`. */
export const SUBPROTOCOL = "souffleur.v1";

/** The path that streams are opened on. */
export const STREAM_PATH = "/v1/stream";

/** Below it captions are watched: events, WebSockets, HLS. */
export const CAPTIONS_PATH = "/v1/captions/";

/** The largest message of a client, in bytes of UTF-8. Past it: `too_large`, close 1009. */
export const PAYLOAD_MAX_BYTES = 64 * 1024;

/** What may wait in a connection's outbox, in bytes. Past it: `slow_consumer`, close 1013. */
export const OUTBOX_MAX_BYTES = 1024 * 1024;

/** The messages of one stream: so many a second, and so many at once after a pause. Past it: `rate_limited`, not taken. */
export const MESSAGES_PER_SECOND = 500;
export const MESSAGES_BURST = 2_000;

/** A stream that goes on after so many of its messages in a row were not taken is closed with `rate_limited`. */
export const REFUSED_IN_A_ROW_MAX = 1_000;

/** A client that takes nothing for so long while something waits for it is closed with `slow_consumer`. */
export const SLOW_CONSUMER_MS = 5_000;

/** How long such a client has left to take what waits, before it is cut off. */
export const SLOW_CLOSE_MS = 2_000;

/** How long a connection may be open before it shows the key that the server needs. Past it: `unauthorized`, close 1008. */
export const UNAUTHORIZED_TIMEOUT_MS = 10_000;

/** The most characters of a session's name as `ready` gives it. */
export const SESSION_MAX_LENGTH = 128;

/** The query parameter that load balancers choose a server by; the server itself does not look at it. */
export const AFFINITY_PARAMETER = "affinity";

/** The most characters of a key or token. */
export const CREDENTIAL_MAX_LENGTH = 4_096;

/** The largest body of an HTTP request, in bytes. Past it: 413. */
export const BODY_MAX_BYTES = 1024 * 1024;

/** The most texts in one `POST /v1/translate`. */
export const TRANSLATE_MAX_TEXTS = 256;

/** The longest `id` of a `ping`, in UTF-16 code units; it is sent back as it came. */
export const PING_ID_MAX_LENGTH = 128;

/** How long a token of `POST /v1/token` is good where the request does not say, and at most; in seconds. */
export const TOKEN_DEFAULT_SECONDS = 60;
export const TOKEN_MAX_SECONDS = 3_600;

/** The most targets of one stream. */
export const TARGETS_MAX = 5;

/** The most characters of a language code or a model's name. */
export const NAME_MAX_LENGTH = 64;

/** Below it rooms are watched: a WebSocket for each viewer, and what a room is. */
export const ROOMS_PATH = "/v1/rooms/";

/** Bytes that may wait for a viewer of a room. Past it: closed with 1013; it comes again and is sent what is kept. */
export const ROOM_BACKLOG_BYTES = 64 * 1024;

/** The most bytes of lines that a viewer is sent when it joins, the newest first. */
export const ROOM_HISTORY_BYTES = 48 * 1024;

/** How long a token that is for one room may be good, in seconds: a day of talks. */
export const ROOM_TOKEN_MAX_SECONDS = 86_400;
