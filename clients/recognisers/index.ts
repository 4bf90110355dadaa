// `souffleur/recognisers`: what speech recognisers send, to what is said on a stream.
export { DeepgramAdapter, deepgram } from "./deepgram.ts";
export {
  type AudioFormat,
  type Heard,
  type Recogniser,
  type RecogniserAdapter,
  RecogniserError,
} from "./recogniser.ts";
export { say } from "./say.ts";
export { VoskAdapter, vosk } from "./vosk.ts";
