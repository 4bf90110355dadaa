// `souffleur captions`: a caption file in one language to a caption file in another; with --asr, speech to captions.
import { readFile, writeFile } from "node:fs/promises";
import { type Command, InvalidArgumentError, Option } from "commander";
import { chosenTarget } from "../models/tags.ts";
import type { Wait } from "../models/wait.ts";
import type { CaptionFormat } from "../server/captions/files/caption-file.ts";
import type { TranslatedCue } from "../server/captions/files/file-translation.ts";
import type { CaptionStyle, CaptionStyleName } from "../server/captions/lines/caption-style.ts";
import { loadStudent, shippedBundle } from "./bundle-option.ts";
import { UsageError } from "./exit.ts";
import { parseWait } from "./parse-option.ts";
import { RECOGNISER_NAMES, type SpeechOptions } from "./speech-options.ts";

interface CaptionsOptions extends Partial<SpeechOptions> {
  wait: Wait;
  output?: string;
  format?: CaptionFormat;
  style: CaptionStyleName;
  rows?: number;
  json?: boolean;
}

export function registerCaptions(program: Command): void {
  program
    .command("captions")
    .description("translate a caption file (SubRip, WebVTT or TTML in and out), or with --asr what somebody says")
    .argument("<file>", "the file to translate, or with --asr the audio; - for standard input")
    .option(
      "-b, --bundle <dir>",
      "folder of the bundle (default: the package's own for the target language, German unless --target says another)",
    )
    .option("-t, --target <language>", "the language to write (default: the bundle's first)")
    .option(
      "--wait <tokens>",
      "full: offline, the cues keep their times; a number: as it would be live, so many tokens behind",
      parseWait,
      "full" as Wait,
    )
    .option("-o, --output <file>", "where to write; its name says the format (default: standard output)")
    .addOption(
      new Option("--format <name>", "format to write (default: the output's name, else the input's format)").choices([
        ...["srt", "vtt", "ttml"],
      ]),
    )
    .addOption(
      new Option("--style <name>", "the rules that lines keep")
        .choices(["netflix", "bbc-live", "cta-608"])
        .default("netflix"),
    )
    .option("--rows <number>", "rows of a caption, where the style lets one choose", Number)
    .option("--json", "write what was done as JSON: cues with reading speed and delay, and their summary")
    .addOption(
      new Option("--asr <recogniser>", "translate speech that this recogniser hears").choices(RECOGNISER_NAMES),
    )
    .option("--url <address>", "with --asr: the recogniser's WebSocket, such as ws://localhost:2700")
    .addOption(new Option("--asr-key <key>", "with --asr: the recogniser's key").env("SOUFFLEUR_ASR_KEY"))
    .option(
      "--sample-rate <hertz>",
      "with --asr: of raw audio, 16-bit little-endian mono (default: 16000)",
      parseSampleRate,
    )
    .option("--server <address>", "with --asr: a Souffleur server that translates (default: this process does)")
    .addOption(new Option("--key <key>", "with --server: its key").env("SOUFFLEUR_KEY"))
    .option("--source <language>", "with --server: the language that is spoken (default: en)")
    .option("--feed <output>", "with --server: the caption output of the server that is fed")
    .option("--room <name>", "with --server: the room that is spoken in")
    .addHelpText(
      "after",
      `
Sentences are joined across cues before they are translated. With --wait full each cue gets back its share of them;
a cue whose text needs more lines than the style has becomes several within its time. With --wait and a number the
captions have the times that a live viewer would see, and keep the style's times and reading speed as well.

With --asr the audio (a 16-bit mono WAV file, or raw samples) goes to the recogniser at the speed at which it was spoken; captions
are printed as they come, and kept in --output, timed from the audio's beginning. --wait is the model's own unless it is given.

Encodings: UTF-8 with or without a byte order mark, UTF-16 with one; any line ends. What is written is UTF-8.

Examples:
  $ souffleur captions talk.srt --target de -o talk.de.vtt
  $ souffleur captions talk.vtt --wait 3 --style bbc-live -o live.vtt
  $ souffleur captions talk.srt --json | jq .summary
  $ souffleur captions talk.wav --asr vosk --url ws://localhost:2700 --target de -o talk.de.vtt
  $ arecord -f S16_LE -r 16000 -c 1 | souffleur captions - --asr deepgram --url wss://api.deepgram.com/v1/listen \\
      --server ws://localhost:8080 --target de --feed stage`,
    )
    .action(captions);
}

/** What has a meaning only with --asr, and what only with --server. */
const WITH_ASR = ["url", "sampleRate", "server"] as const;
const WITH_SERVER = ["source", "feed", "room"] as const;

async function captions(file: string, options: CaptionsOptions, command: Command): Promise<void> {
  const { asr, server } = options;
  for (const [names, flag, given] of [
    [WITH_ASR, "--asr", asr],
    [WITH_SERVER, "--server", server],
  ] as const) {
    const lost = given === undefined ? names.find((name) => options[name] !== undefined) : undefined;
    if (lost !== undefined) {
      throw new UsageError(
        `--${lost.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)} does nothing without ${flag}`,
      );
    }
  }
  if (asr !== undefined) {
    const wait = command.getOptionValueSource("wait") === "default" ? undefined : options.wait;
    return captionsOfSpeech(file, { ...options, asr, wait });
  }
  const { decodeCaptionFile, formatOfName, formatOfText, readCaptions, writeCaptions } = await import(
    "../server/captions/files/caption-file.ts"
  );
  const { CaptionFileError } = await import("../server/captions/files/cue.ts");
  const named = options.output === undefined ? undefined : formatOfName(options.output);
  if (options.output !== undefined && named === undefined && options.format === undefined) {
    throw new UsageError(`the name ${options.output} says no format: end it with .srt, .vtt or .ttml, or use --format`);
  }
  const style = await chosenStyle(options);
  const bytes = await readInput(file);
  try {
    const text = decodeCaptionFile(bytes);
    const format = formatOfName(file) ?? formatOfText(text);
    const cues = readCaptions(text, format);
    const { translated, source, target } = await translate(cues, style, options);
    const written = writeCaptions(translated, options.format ?? named ?? format, target);
    if (options.output !== undefined) await writeFile(options.output, written);
    if (options.json === true) {
      const report = {
        source,
        target,
        wait: options.wait,
        style: style.name,
        summary: { sourceCues: cues.length, ...summaryOf(translated) },
      };
      process.stdout.write(`${JSON.stringify({ ...report, cues: translated }, undefined, 2)}\n`);
    } else if (options.output === undefined) {
      process.stdout.write(written);
    }
  } catch (error) {
    if (error instanceof CaptionFileError) throw new UsageError(`${file}: ${error.message}`);
    throw error;
  }
}

/** Captions as they come, to the terminal, to a file, or as a report at the end. */
async function captionsOfSpeech(
  file: string,
  options: Omit<CaptionsOptions, "wait"> & Pick<SpeechOptions, "asr" | "wait">,
): Promise<void> {
  const { formatOfName, writeCaptions } = await import("../server/captions/files/caption-file.ts");
  const { captionSpeech, LiveCaptionFile } = await import("./speech-captions.ts");
  const { output, json, asr } = options;
  const format = options.format ?? (output === undefined ? undefined : formatOfName(output));
  if (output !== undefined && format === undefined) {
    throw new UsageError(`the name ${output} says no format: end it with .srt, .vtt or .ttml, or use --format`);
  }
  const style = await chosenStyle(options);
  const kept = output === undefined || format === undefined ? undefined : new LiveCaptionFile(output, format);
  const isShown = json !== true && (kept !== undefined || format === undefined);
  const { cues, source, target, failure } = await captionSpeech(file, style, options, (cue, all, language) => {
    if (isShown) process.stdout.write(`${cue.lines.join("\n")}\n`);
    kept?.update(all, language);
  });
  if (failure === undefined || cues.length > 0) await kept?.finish(cues, target);
  if (failure !== undefined) throw failure;
  if (json === true) {
    const report = { source, target, wait: options.wait, style: style.name, recogniser: asr, summary: summaryOf(cues) };
    process.stdout.write(`${JSON.stringify({ ...report, cues }, undefined, 2)}\n`);
  } else if (kept === undefined && format !== undefined) {
    process.stdout.write(writeCaptions(cues, format, target));
  }
}

function parseSampleRate(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 8_000 || value > 96_000) {
    throw new InvalidArgumentError("It must be a whole number of samples a second, 8000 to 96000.");
  }
  return value;
}

async function chosenStyle({ style, rows }: Pick<CaptionsOptions, "style" | "rows">): Promise<CaptionStyle> {
  const { captionStyle } = await import("../server/captions/lines/caption-style.ts");
  try {
    return captionStyle(style, rows);
  } catch (error) {
    if (error instanceof RangeError) throw new UsageError(`--rows: ${error.message}`);
    throw error;
  }
}

async function readInput(file: string): Promise<Uint8Array> {
  if (file === "-") {
    const chunks: Buffer[] = [];
    for await (const chunk of process.stdin) chunks.push(Buffer.from(chunk));
    return Buffer.concat(chunks);
  }
  try {
    return await readFile(file);
  } catch (error) {
    throw new UsageError(`${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

async function translate(
  cues: Parameters<typeof import("../server/captions/files/file-translation.ts").translateCues>[0],
  style: CaptionStyle,
  options: CaptionsOptions,
): Promise<{ translated: TranslatedCue[]; source: string; target: string }> {
  const { translateCues } = await import("../server/captions/files/file-translation.ts");
  const { sessionTarget } = await import("../server/session/session-target.ts");
  const { WorkerEngine } = await import("../server/engine/worker-engine.ts");
  const { progressReporter, silentProgress } = await import("../trainer/progress.ts");
  const bundle = await loadStudent(options.bundle ?? (await shippedBundle(options.target)));
  const { source } = bundle.manifest;
  const target = chosenTarget(bundle.manifest, options.target);
  const engine = await WorkerEngine.start({ bundles: [bundle], workers: 1 });
  const progress =
    options.json === true ? silentProgress : progressReporter(`${source} to ${target}`, cues.length, "cues");
  try {
    const translated = await translateCues(cues, {
      engine,
      source,
      target: sessionTarget(bundle, { target, wait: options.wait }),
      style,
      onProgress: (done) => progress.update(done, {}),
    });
    return { translated, source, target };
  } finally {
    progress.stop();
    await engine.close();
  }
}

/** What a person would check first. Speeds in columns a second, times in milliseconds. */
function summaryOf(cues: readonly TranslatedCue[]) {
  const mean = (values: readonly number[]) =>
    values.length === 0 ? 0 : Math.round((values.reduce((sum, value) => sum + value, 0) / values.length) * 10) / 10;
  const speeds = cues.map(({ readingSpeed }) => readingSpeed);
  const delays = cues.map(({ delay }) => delay);
  return {
    cues: cues.length,
    meanReadingSpeed: mean(speeds),
    maxReadingSpeed: Math.round(Math.max(0, ...speeds) * 10) / 10,
    meanDelay: mean(delays),
    maxDelay: Math.round(Math.max(0, ...delays)),
  };
}
