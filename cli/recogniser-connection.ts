// Audio to a recogniser over its WebSocket, and what it hears back.
import { WebSocket } from "ws";
import { type AudioFormat, type Heard, type Recogniser, RecogniserError } from "../clients/recognisers/recogniser.ts";

/** Audio is held back while so many bytes wait to be sent. */
const SOCKET_MAX_BYTES = 256 * 1024;
const FULL_SOCKET_MS = 20;
const OPEN_TIMEOUT_MS = 10_000;
/** How long a recogniser may think about the last words. */
const GOODBYE_TIMEOUT_MS = 15_000;
const KEEP_ALIVE_MS = 4_000;

export interface RecogniserConnection {
  url: URL;
  key: string | undefined;
  audio: AudioFormat;
  signal?: AbortSignal;
  /** Called with what was heard, in its order; the next message waits until it resolves. */
  hear(heard: Heard[]): Promise<void>;
}

/**
 * Sends the audio and hears what comes of it, to the end of both.
 * @throws RecogniserError where the recogniser cannot be reached, fails, or leaves before the audio's end
 */
export async function recognise(
  recogniser: Recogniser,
  audio: AsyncIterable<Uint8Array>,
  { url, key, audio: format, signal, hear }: RecogniserConnection,
): Promise<void> {
  const adapter = recogniser.adapter();
  const address = recogniser.address(url, format);
  const socket = new WebSocket(address, {
    headers: recogniser.headers(key),
    handshakeTimeout: OPEN_TIMEOUT_MS,
  });
  let failure: Error | undefined;
  let hearing = Promise.resolve();
  let isAudioOver = false;
  const fail = (error: Error): void => {
    failure ??= error;
    socket.terminate();
  };
  const opened = new Promise<void>((resolve) => socket.once("open", resolve));
  const closed = new Promise<number>((resolve) => socket.once("close", resolve));
  // Its reason is told where the connection could not be opened; a close always follows.
  socket.on("error", (error) => {
    failure ??= new RecogniserError("failed", `${recogniser.name} at ${url.host} cannot be reached: ${error.message}`);
  });
  socket.on("message", (data, isBinary) => {
    if (isBinary) return;
    hearing = hearing
      .then(() => (failure === undefined ? hear(adapter.take(String(data))) : undefined))
      .catch((error: unknown) => fail(error instanceof Error ? error : new Error(String(error))));
  });
  const stop = () => socket.terminate();
  signal?.addEventListener("abort", stop, { once: true });
  let lastSentAt = performance.now();
  const keeping = setInterval(() => {
    if (recogniser.keepAlive === undefined || socket.readyState !== WebSocket.OPEN) return;
    if (performance.now() - lastSentAt >= KEEP_ALIVE_MS) socket.send(recogniser.keepAlive);
  }, KEEP_ALIVE_MS);
  let goodbye: NodeJS.Timeout | undefined;
  const pieces = audio[Symbol.asyncIterator]();
  try {
    await Promise.race([opened, closed]);
    const greeting = recogniser.greeting(format);
    if (greeting !== undefined && socket.readyState === WebSocket.OPEN) socket.send(greeting);
    for (;;) {
      // Audio may pause for long: the end of the connection is noticed all the same.
      const next = await Promise.race([pieces.next(), closed]);
      if (typeof next === "number") break;
      isAudioOver = next.done === true;
      if (isAudioOver) break;
      while (socket.bufferedAmount > SOCKET_MAX_BYTES && socket.readyState === WebSocket.OPEN) {
        await new Promise((resolve) => setTimeout(resolve, FULL_SOCKET_MS));
      }
      if (socket.readyState !== WebSocket.OPEN) break;
      socket.send(next.value);
      lastSentAt = performance.now();
    }
    isAudioOver &&= socket.readyState === WebSocket.OPEN;
    if (isAudioOver) {
      socket.send(recogniser.goodbye);
      goodbye = setTimeout(stop, GOODBYE_TIMEOUT_MS);
    }
    const code = await closed;
    await hearing;
    if (failure === undefined && signal?.aborted !== true && !isAudioOver) {
      failure = new RecogniserError(
        "failed",
        `${recogniser.name} closed the connection (${code}) before the audio's end`,
      );
    }
    if (failure !== undefined) throw failure;
  } finally {
    clearInterval(keeping);
    clearTimeout(goodbye);
    signal?.removeEventListener("abort", stop);
    socket.terminate();
    // What was heard counts, whatever happened then.
    await hear(adapter.end());
  }
}
