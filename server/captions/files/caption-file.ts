// Caption files of every format: bytes to cues and cues to text.
import { CaptionFileError, type Cue } from "./cue.ts";
import { readSrt, writeSrt } from "./srt.ts";
import { readTtml } from "./ttml-reader.ts";
import { writeTtml } from "./ttml-writer.ts";
import { readWebVtt, writeWebVtt } from "./webvtt.ts";

export const CAPTION_FORMATS = ["srt", "vtt", "ttml"] as const;
export type CaptionFormat = (typeof CAPTION_FORMATS)[number];

const EXTENSIONS: Readonly<Record<string, CaptionFormat>> = {
  srt: "srt",
  vtt: "vtt",
  webvtt: "vtt",
  ttml: "ttml",
  dfxp: "ttml",
  xml: "ttml",
};

/** The format that a file's name says; undefined where it says none. */
export function formatOfName(path: string): CaptionFormat | undefined {
  return EXTENSIONS[/\.([a-z]+)$/i.exec(path)?.[1].toLowerCase() ?? ""];
}

/** The format of a file's text: each of them begins like no other. */
export function formatOfText(text: string): CaptionFormat {
  if (/^WEBVTT(?:\s|$)/.test(text)) return "vtt";
  return /^\s*<(?:\?xml|tt[\s>:]|!--)/.test(text) ? "ttml" : "srt";
}

/**
 * A file's text, with line feeds at line ends: UTF-8 with or without a byte order mark, or UTF-16 with one.
 * @throws CaptionFileError naming the first line that is none of these
 */
export function decodeCaptionFile(bytes: Uint8Array): string {
  const [first, second] = bytes;
  const encoding =
    first === 0xff && second === 0xfe ? "utf-16le" : first === 0xfe && second === 0xff ? "utf-16be" : "utf-8";
  try {
    // Takes the byte order mark away.
    return new TextDecoder(encoding, { fatal: true }).decode(bytes).replace(/\r\n?/g, "\n");
  } catch {
    throw new CaptionFileError(
      "the text is not UTF-8: save it as UTF-8, or convert it, as with iconv -f WINDOWS-1252 -t UTF-8",
      lineOfBadBytes(bytes),
    );
  }
}

/** Cues in the order of their times. Throws CaptionFileError naming the line. */
export function readCaptions(text: string, format: CaptionFormat = formatOfText(text)): Cue[] {
  const readers = { srt: readSrt, vtt: readWebVtt, ttml: readTtml };
  return readers[format](text);
}

/** @param language the text's tag, which TTML names */
export function writeCaptions(cues: readonly Cue[], format: CaptionFormat, language: string): string {
  if (format === "ttml") return writeTtml(cues, language);
  return format === "vtt" ? writeWebVtt(cues) : writeSrt(cues);
}

/** The first line that is no UTF-8: found by halves, since a prefix that ends at a line's end is good or bad as a whole. */
function lineOfBadBytes(bytes: Uint8Array): number {
  const lines = Buffer.from(bytes).toString("latin1").split("\n");
  const bad = lines.findIndex((line) => {
    try {
      new TextDecoder("utf-8", { fatal: true }).decode(Buffer.from(line, "latin1"));
      return false;
    } catch {
      return true;
    }
  });
  return bad + 1;
}
