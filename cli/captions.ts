// `souffleur captions`: a caption file in one language to a caption file in another.
import { readFile, writeFile } from "node:fs/promises";
import { type Command, Option } from "commander";
import { chosenTarget } from "../models/tags.ts";
import type { Wait } from "../models/wait.ts";
import type { CaptionFormat } from "../server/captions/files/caption-file.ts";
import type { TranslatedCue } from "../server/captions/files/file-translation.ts";
import type { CaptionStyle, CaptionStyleName } from "../server/captions/lines/caption-style.ts";
import { loadStudent, shippedBundle } from "./bundle-option.ts";
import { UsageError } from "./exit.ts";
import { parseWait } from "./parse-option.ts";

interface CaptionsOptions {
  bundle?: string;
  target?: string;
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
    .description("translate a caption file: SubRip, WebVTT or TTML (IMSC) in and out")
    .argument("<file>", "the file to translate; - for standard input")
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
    .addHelpText(
      "after",
      `
Sentences are joined across cues before they are translated. With --wait full each cue gets back its share of them;
a cue whose text needs more lines than the style has becomes several within its time. With --wait and a number the
captions have the times that a live viewer would see, and keep the style's times and reading speed as well.

Encodings: UTF-8 with or without a byte order mark, UTF-16 with one; any line ends. What is written is UTF-8.

Examples:
  $ souffleur captions talk.srt --target de -o talk.de.vtt
  $ souffleur captions talk.vtt --wait 3 --style bbc-live -o live.vtt
  $ souffleur captions talk.srt --json | jq .summary`,
    )
    .action(captions);
}

async function captions(file: string, options: CaptionsOptions): Promise<void> {
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
        summary: summaryOf(translated, cues.length),
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

async function chosenStyle({ style, rows }: CaptionsOptions): Promise<CaptionStyle> {
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
function summaryOf(cues: readonly TranslatedCue[], sourceCues: number) {
  const mean = (values: readonly number[]) =>
    values.length === 0 ? 0 : Math.round((values.reduce((sum, value) => sum + value, 0) / values.length) * 10) / 10;
  const speeds = cues.map(({ readingSpeed }) => readingSpeed);
  const delays = cues.map(({ delay }) => delay);
  return {
    sourceCues,
    cues: cues.length,
    meanReadingSpeed: mean(speeds),
    maxReadingSpeed: Math.round(Math.max(0, ...speeds) * 10) / 10,
    meanDelay: mean(delays),
    maxDelay: Math.round(Math.max(0, ...delays)),
  };
}
