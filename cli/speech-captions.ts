// `souffleur captions --asr`: what somebody says, heard by a recogniser, as captions in another language while it is said.
import { createReadStream, existsSync } from "node:fs";
import { rename, writeFile } from "node:fs/promises";
import type { Readable } from "node:stream";
import { RecogniserError } from "../clients/recognisers/recogniser.ts";
import { say } from "../clients/recognisers/say.ts";
import { type CaptionFormat, writeCaptions } from "../server/captions/files/caption-file.ts";
import type { TranslatedCue } from "../server/captions/files/file-translation.ts";
import type { CaptionStyle } from "../server/captions/lines/caption-style.ts";
import { LineMaker } from "../server/captions/lines/line-maker.ts";
import { EXIT_CODES, UsageError } from "./exit.ts";
import { atSpeakingSpeed, readPcm } from "./pcm-audio.ts";
import { recognise } from "./recogniser-connection.ts";
import type { SpeechOptions } from "./speech-options.ts";
import { type SpeechTranslation, translateHere, translateThere } from "./speech-translation.ts";

const DEFAULT_SAMPLE_RATE = 16_000;

/** A file that is written anew while captions come is whole at any time; not more often than this. */
const WRITE_EVERY_MS = 2_000;

export interface CaptionedSpeech {
  cues: TranslatedCue[];
  source: string;
  target: string;
  /** What ended it early; the captions so far are there. */
  failure: RecogniserError | undefined;
}

/**
 * Runs to the end of the audio, or until it is interrupted; either way what was heard is translated to its end.
 * @param onCaption told of each caption as it comes
 * @throws UsageError, ClientError
 */
export async function captionSpeech(
  file: string,
  style: CaptionStyle,
  options: SpeechOptions,
  onCaption: (cue: TranslatedCue, all: readonly TranslatedCue[], target: string) => void,
): Promise<CaptionedSpeech> {
  const { [options.asr]: recogniser } = await import("../clients/recognisers/index.ts");
  const url = recogniserAddress(options);
  const input = openAudio(file);
  const audio = await readPcm(input, options.sampleRate ?? DEFAULT_SAMPLE_RATE);
  const cues: TranslatedCue[] = [];
  let maker: LineMaker | undefined;
  let startedAt = performance.now();
  const onText = (text: Parameters<LineMaker["take"]>[0]): void => {
    for (const event of maker?.take(text, performance.now() - startedAt) ?? []) {
      if (event.type !== "caption") continue;
      const { start, end, lines, readingSpeed, delay } = event;
      cues.push({ start: Math.round(start), end: Math.round(end), lines, readingSpeed, delay });
      onCaption(cues[cues.length - 1], cues, translation.target);
    }
  };
  const translation = await openTranslation(options, onText);
  maker = new LineMaker(style, translation.target);
  const interrupted = new AbortController();
  const interrupt = () => interrupted.abort();
  process.once("SIGINT", interrupt);
  try {
    startedAt = performance.now();
    const failure = await recognise(recogniser, atSpeakingSpeed(audio), {
      ...{ url, key: options.asrKey, signal: interrupted.signal },
      audio: { sampleRate: audio.sampleRate, language: translation.source },
      hear: (heard) => say(translation, heard),
    }).then(
      () => undefined,
      (error: unknown) => {
        if (error instanceof RecogniserError) return error;
        throw error;
      },
    );
    await translation.end();
    if (interrupted.signal.aborted) process.exitCode = EXIT_CODES.interrupted;
    return { cues, source: translation.source, target: translation.target, failure };
  } finally {
    process.removeListener("SIGINT", interrupt);
    // Audio that goes on would keep the process waiting.
    input.destroy();
    await translation.close();
  }
}

function recogniserAddress({ asr, url }: SpeechOptions): URL {
  if (url === undefined) throw new UsageError(`name the address of ${asr} with --url, such as ws://localhost:2700`);
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed === undefined || !/^wss?:$/.test(parsed.protocol)) {
    throw new UsageError(`--url ${url} is not the address of a WebSocket: it begins with ws:// or wss://`);
  }
  return parsed;
}

function openAudio(file: string): Readable {
  if (file === "-") return process.stdin;
  if (!existsSync(file)) throw new UsageError(`${file} cannot be read: there is no such file`);
  return createReadStream(file);
}

function openTranslation(
  options: SpeechOptions,
  onText: Parameters<typeof translateHere>[1]["onText"],
): Promise<SpeechTranslation> {
  const { target, wait, server, key, source = "en", feed: captions, room } = options;
  const onProblem = (sentence: string) => process.stderr.write(`souffleur: ${sentence}\n`);
  if (server === undefined) return translateHere(options.bundle, { target, wait, onText, onProblem });
  return translateThere({ url: server, key, source, captions, room }, { target, wait, onText, onProblem });
}

/** Keeps a caption file up to date while captions come. */
export class LiveCaptionFile {
  readonly #path: string;
  readonly #format: CaptionFormat;
  #writing: Promise<void> = Promise.resolve();
  #writtenAt = Number.NEGATIVE_INFINITY;

  constructor(path: string, format: CaptionFormat) {
    this.#path = path;
    this.#format = format;
  }

  /** Writes now and then; {@link finish} writes what is left. */
  update(cues: readonly TranslatedCue[], target: string): void {
    if (performance.now() - this.#writtenAt < WRITE_EVERY_MS) return;
    this.#writtenAt = performance.now();
    this.finish(cues, target).catch(() => {});
  }

  /** Rejects where the file cannot be written. */
  finish(cues: readonly TranslatedCue[], target: string): Promise<void> {
    const text = writeCaptions(cues, this.#format, target);
    // Beside it and then in its place: who reads it meanwhile finds it whole.
    const beside = `${this.#path}.part`;
    this.#writing = this.#writing
      .catch(() => {})
      .then(() => writeFile(beside, text))
      .then(() => rename(beside, this.#path));
    return this.#writing;
  }
}
