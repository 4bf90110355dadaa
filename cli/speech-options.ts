// What `souffleur captions --asr` is told: the recogniser, its address, and where its words are translated.
import type { Wait } from "../models/wait.ts";

export const RECOGNISER_NAMES = ["vosk", "deepgram"] as const;

export interface SpeechOptions {
  asr: (typeof RECOGNISER_NAMES)[number];
  /** The recogniser's WebSocket. */
  url?: string;
  asrKey?: string;
  /** Of raw audio, samples a second. */
  sampleRate?: number;
  /** A Souffleur server; this process translates where none is named. */
  server?: string;
  key?: string;
  source?: string;
  /** The server's caption output, and the room, that the stream feeds. */
  feed?: string;
  room?: string;
  bundle?: string;
  target?: string;
  wait?: Wait;
}
